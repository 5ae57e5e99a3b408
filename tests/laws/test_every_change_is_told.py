"""Every change is an event: what was written over REST is told, with the state REST answers right after."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from jinaconnect.actions.context import Caller, Context
from jinaconnect.actions.rating.rate_cards import CARDS
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.laws.test_decisions import cut
from tests.telephony.calls.graphs import menu
from tests.tenants import Tenant

PHONE = "+12025550161"
TRUNK = {"name": "Line", "provider": "twilio", "credentials": {"account_sid": "AC1", "auth_token": "t"}}
APP = {"app_name": "Shop", "phone_number": PHONE, "waba_id": "1", "phone_number_id": "2",
       "credentials": {"access_token": "t", "app_secret": "s" * 32, "verify_token": "v"}}  # fmt: skip


@dataclass
class Kind:
    """One kind of thing: where it is made, of what, what is changed of it, and what its events leave out.

    Left out are secrets, what not everybody may see, what is counted when it is asked for, and where a deployment is.
    """

    noun: str
    path: str
    body: Callable[[dict[str, str]], dict[str, Any]]
    change: dict[str, Any] | None = None
    hidden: frozenset[str] = field(default_factory=frozenset)


KINDS = (
    Kind("number", "/voice/api/numbers/",
         lambda held: {"number": PHONE, "provider_config": held["trunk"], "route": {"type": "reject"}}, {"name": "n"}),
    Kind("device", "/voice/api/devices/",
         lambda held: {"name": "Desk", "kind": "softphone", "transport": "sip", "user": held["user"]},
         hidden=frozenset({"credentials"})),
    Kind("voice_template", "/voice/api/templates/",
         lambda held: {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}, {"name": "Other"},
         frozenset({"graph"})),
    Kind("rate_card", "/voice/api/rate-cards/",
         lambda held: {"name": "R", "provider_config": held["trunk"], "destination_prefix": "+1",
                       "rate_per_minute": "0.01", "valid_from": "2026-01-01T00:00:00Z"}, {"name": "S"}),
    Kind("outbound_route", "/voice/api/outbound-routes/",
         lambda held: {"name": "R", "provider_config": held["trunk"], "destination_prefix": "+1"}, {"weight": 7}),
    Kind("consent", "/voice/api/recording-consents/",
         lambda held: {"name": "c", "contact": held["contact"], "consent_given": True}, {"consent_given": False}),
    Kind("endpoint", "/webhooks/endpoints/",
         lambda held: {"url": "https://1.1.1.1/", "events": ["*"], "is_active": False}, {"description": "d"},
         frozenset({"secret", "waiting"})),
    Kind("app", "/wa/v1/apps/", lambda held: APP, {"app_name": "Store"},
         frozenset({"waba_id", "phone_number_id", "app_id", "webhook_url", "messages_sent_today"})),
)  # fmt: skip


async def held_by(gateway: Running, tenant: Tenant) -> dict[str, str]:
    owner = tenant("owner", "test")
    return {
        "trunk": (await owner.post("/voice/api/provider-configs/", TRUNK)).ok(201)["id"],
        "contact": (await owner.post("/contacts/", {"phone": PHONE})).ok(201)["id"],
        "user": (await add_person(gateway, tenant, "agent")).id,
    }


async def told(client: Client, noun: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (event["type"], event["subject"]["id"], event["data"])
        for event in await client.events()
        if event["type"].startswith(f"{noun}.")
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.noun)
async def test_making_changing_and_removing_is_told_with_the_state_after(
    gateway: Running, tenant: Tenant, kind: Kind
) -> None:
    owner = tenant("owner", "test")
    body = kind.body(await held_by(gateway, tenant))

    def shown(answer: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in answer.items() if name not in kind.hidden}

    made = await owner.post(kind.path, body)
    id = made.ok(201)["id"]
    expected = [(f"{kind.noun}.created", id, shown(made.body))]
    assert await told(owner, kind.noun) == expected
    assert "X-Cursor" in made.headers
    if kind.change is not None:
        changed = (await owner.patch(f"{kind.path}{id}/", kind.change)).ok()
        expected.append((f"{kind.noun}.updated", id, shown(changed)))
        assert await told(owner, kind.noun) == expected
    (await owner.delete(f"{kind.path}{id}/")).ok(204)
    types = [type for type, subject, _ in await told(owner, kind.noun) if subject == id]
    assert types == [*(type for type, _, _ in expected), f"{kind.noun}.deleted"]
    (await owner.delete(f"{kind.path}{id}/")).refused(404, "not_found")
    assert len(await told(owner, kind.noun)) == len(types)


async def test_the_organisation_its_telephony_and_its_people_are_told(gateway: Running, tenant: Tenant) -> None:
    owner, person = tenant(), await add_person(gateway, tenant, "manager")
    changed = (await owner.patch(f"/tenants/{tenant.id}/", {"settings": {"agents_see_unassigned": True}})).ok()
    assert await told(owner, "tenant") == [("tenant.updated", tenant.id, changed)]
    app = (await owner.get("/voice/api/tenant-voice-app/")).ok()["results"][0]["id"]
    for mode in ("live", "test"):  # shared by both modes: told in the live log
        shown = (await tenant("owner", mode).patch(f"/voice/api/tenant-voice-app/{app}/", {"name": mode})).ok()
        assert (await told(owner, "voice_app"))[-1] == ("voice_app.updated", app, shown)
    (await person.client.patch("/users/user/me/", {"first_name": "Ann"})).ok()
    assert [(type, data["first_name"]) for type, _, data in await told(owner, "member")] == [("member.updated", "Ann")]


async def test_a_removed_trunk_tells_of_its_numbers_and_of_the_default_it_was(gateway: Running, tenant: Tenant) -> None:
    owner = tenant()
    trunk = (await owner.post("/voice/api/provider-configs/", TRUNK)).ok(201)["id"]
    body = {"number": PHONE, "provider_config": trunk, "route": {"type": "reject"}}
    number = (await owner.post("/voice/api/numbers/", body)).ok(201)["id"]
    app = (await owner.get("/voice/api/tenant-voice-app/")).ok()["results"][0]["id"]
    (await owner.patch(f"/voice/api/tenant-voice-app/{app}/", {"default_outbound_config": trunk})).ok()
    (await owner.delete(f"/voice/api/provider-configs/{trunk}/")).ok(204)
    assert [id for type, id, _ in await told(owner, "number") if type == "number.deleted"] == [number]
    assert (await told(owner, "voice_app"))[-1][2]["default_outbound_config"] is None
    assert (await told(owner, "trunk"))[-1][:2] == ("trunk.deleted", trunk)


async def test_an_agent_hears_of_consents_of_their_contacts_alone(gateway: Running, tenant: Tenant) -> None:
    owner, agent = tenant(), await add_person(gateway, tenant, "agent")
    for number, person in enumerate((agent.id, None)):
        contact = (await owner.post("/contacts/", {"phone": f"+1202555015{number}"})).ok(201)["id"]
        if person is not None:
            given = {"assigned_to_type": "USER", "assigned_to_id": person}
            (await owner.post(f"/contacts/{contact}/assign/", given)).ok()
        consent = {"name": "c", "contact": contact, "consent_given": True}
        id = (await owner.post("/voice/api/recording-consents/", consent)).ok(201)["id"]
        (await owner.delete(f"/voice/api/recording-consents/{id}/")).ok(204)
    assert len(await told(owner, "consent")) == 4
    assert [type for type, _, _ in await told(agent.client, "consent")] == ["consent.created", "consent.deleted"]


async def test_what_goes_altogether_is_told_wherever_its_removal_is_cut(gateway: Running, tenant: Tenant) -> None:
    owner, services = tenant(), gateway.services
    store = services.store.of(tenant.id, "live")
    trunk = (await owner.post("/voice/api/provider-configs/", TRUNK)).ok(201)["id"]
    principal = await gateway.ports.auth.from_token(str(owner.credential), "127.0.0.1")
    body = {"name": "R", "provider_config": trunk, "destination_prefix": "+1", "rate_per_minute": "0.01",
            "valid_from": "2026-01-01T00:00:00Z"}  # fmt: skip
    for waits in itertools.count():
        id = (await owner.post("/voice/api/rate-cards/", body)).ok(201)["id"]
        was_cut = await cut(CARDS.delete(Context(services, principal, Caller("req")), id), waits)

        async def agree(id: str = id) -> bool:
            """Tell whether the card is gone and told, or there and not told; the sweep is on its way."""
            seen = [type for type, subject, _ in await told(owner, "rate_card") if subject == id]
            gone = await store.find("rate_cards", id) is None
            return seen == ["rate_card.created", *(["rate_card.deleted"] if gone else [])]

        await until(agree)
        if not was_cut:
            break
