"""Provider configs over REST: what is kept, what is refused, what becomes of secrets, which one carries a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jinaconnect.actions.trunks.accounts import credentials_context, open_sip
from jinaconnect.core.calls import document as calls
from tests.conftest import Running
from tests.handlers.trunks.accounts import ACCOUNTS, PASSWORD, SIP, TRUNKS, add_trunk
from tests.tenants import Tenant

NOBODY = "trk_" + "0" * 26
REJECT = {"type": "reject", "cause": "USER_BUSY"}


async def kept(gateway: Running, tenant: Tenant, id: str, mode: Any = "live") -> dict[str, Any]:
    """Return a provider config as it is stored."""
    found = await gateway.services.store.of(tenant.id, mode).find("trunks", id)
    assert found is not None
    return found


def account(gateway: Running, doc: dict[str, Any]) -> dict[str, Any]:
    """Return the unsealed account of a stored provider config."""
    return dict(gateway.services.secrets.open(doc["credentials"], credentials_context(doc["_id"])))


async def add_call(gateway: Running, tenant: Tenant, trunk: str) -> None:
    """Store a call that ended and points at a provider config."""
    services = gateway.services
    doc = calls.new_call(
        services.ids.new("call"), direction="outbound", from_number="+12025550100", to_number="+12025550111",
        provider_config=trunk, switch="sandbox", plan={"kind": "tts"}, at=services.clock(),
    )  # fmt: skip
    ended = {"status": "FAILED", "ended_at": services.clock(), "live_on": None}
    await services.store.of(tenant.id, "live").insert("calls", {**doc, **ended})


async def test_a_provider_config_is_made_read_changed_replaced_and_removed(tenant: Tenant) -> None:
    owner = tenant()
    body = {
        "name": "Head office", "provider": "sip", "credentials": SIP, "priority": 3, "currency": "EUR",
        "from_numbers": ["+1 202 555 0100"], "fallback_on_causes": ["USER_BUSY"], "default_route": REJECT,
    }  # fmt: skip
    made = (await owner.post(TRUNKS, body)).ok(201)
    assert made["id"].startswith("trk_")
    assert (made["credentials_set"], made["vendor_profile"], made["asterisk"]) == (True, "generic", None)
    assert (made["from_numbers"], made["default_route"]) == (["+12025550100"], REJECT)
    assert (made["max_concurrent_calls"], made["enabled"], made["is_active"], made["vendor_label"]) == (
        10, True, True, "",
    )  # fmt: skip
    path = f"{TRUNKS}{made['id']}/"
    assert (await owner.get(path)).ok() == made
    changed = (await owner.patch(path, {"priority": 9, "description": "x"})).ok()
    assert {**made, "priority": 9, "description": "x", "updated_at": changed["updated_at"]} == changed
    replaced = (await owner.ask("PUT", path, {"name": "Branch", "provider": "sip"})).ok()
    assert (replaced["name"], replaced["priority"], replaced["from_numbers"], replaced["default_route"]) == (
        "Branch", 0, [], None,
    )  # fmt: skip
    assert replaced["credentials_set"], "what is never shown and left out is kept"
    (await owner.delete(path)).ok(204)
    for method, sent in (("GET", None), ("PATCH", {}), ("PUT", {"name": "x", "provider": "sip"}), ("DELETE", None)):
        (await owner.ask(method, path, sent)).refused(404, "not_found")
    assert (await owner.get(TRUNKS)).ok()["count"] == 0
    told = [event for event in await owner.events() if event["type"].startswith("trunk.")]
    assert [event["type"] for event in told] == ["trunk.created", "trunk.updated", "trunk.updated", "trunk.deleted"]
    assert told[0]["data"] == made
    assert told[1]["data"] == changed


async def test_both_base_paths_show_the_preferred_ones_first(tenant: Tenant) -> None:
    ids = [await add_trunk(tenant(), provider, priority=rank) for provider, rank in (("sip", 0), ("twilio", 5))]
    ids.append(await add_trunk(tenant(), "plivo", priority=5))
    wanted = [ids[2], ids[1], ids[0]]
    for base in (TRUNKS, TRUNKS.replace("/voice/", "/voice/v1/")):
        page = (await tenant().get(base)).ok()
        assert [row["id"] for row in page["results"]] == wanted
        assert (page["count"], page["next"], page["previous"]) == (3, None, None)
    only = (await tenant().get(TRUNKS, params={"provider": "twilio"})).ok()
    assert [row["id"] for row in only["results"]] == [ids[1]]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": None}, "name"), ({"name": "x" * 101}, "name"), ({"name": "a\x00b"}, "name"),
        ({"provider": "carrier-pigeon"}, "provider"), ({"provider": None}, "provider"),
        ({"vendor_label": "x" * 121}, "vendor_label"), ({"priority": "high"}, "priority"),
        ({"priority": None}, "priority"), ({"credentials": "secret"}, "credentials"),
        ({"from_numbers": ["12"]}, "from_numbers.0"), ({"from_numbers": ["+12025550100", "x"]}, "from_numbers.1"),
        ({"inbound_webhook_token": "x" * 65}, "inbound_webhook_token"), ({"currency": "euro"}, "currency"),
        ({"fallback_on_causes": ["BORED"]}, "fallback_on_causes"),
        ({"fallback_sms_config": "wap_none"}, "fallback_sms_config"), ({"asterisk": "elsewhere"}, "asterisk"),
        ({"default_route": {"type": "nowhere"}}, "default_route.type"),
        ({"default_route": {"type": "template", "template": "vtp_none"}}, "default_route.template"),
        ({"default_route": {"type": "device", "user": "usr_none"}}, "default_route.user"),
    ],
)  # fmt: skip
async def test_a_faulty_field_is_named_and_nothing_changes(tenant: Tenant, fields: dict[str, Any], named: str) -> None:
    owner = tenant()
    id = await add_trunk(owner)
    before, events = (await owner.get(f"{TRUNKS}{id}/")).ok(), await owner.events()
    body = {"name": "New", "provider": "sip", "credentials": SIP, **fields}
    assert list((await owner.post(TRUNKS, body)).refused(400, "validation_error")) == [named]
    assert list((await owner.patch(f"{TRUNKS}{id}/", fields)).refused(400, "validation_error")) == [named]
    assert (await owner.get(f"{TRUNKS}{id}/")).ok() == before
    assert (await owner.get(TRUNKS)).ok()["count"] == 1
    assert await owner.events() == events


async def test_what_must_be_given_is_asked_for(tenant: Tenant) -> None:
    assert set((await tenant().post(TRUNKS, {})).refused(400, "validation_error")) == {"name", "provider"}


@pytest.mark.parametrize("provider", ACCOUNTS)
async def test_a_secret_is_never_shown_and_sealed_at_rest(gateway: Running, tenant: Tenant, provider: str) -> None:
    owner = tenant()
    token = "Sesame-token-22"
    body = {"name": "S", "provider": provider, "credentials": ACCOUNTS[provider], "inbound_webhook_token": token}
    made = await owner.post(TRUNKS, body)
    id = made.ok(201)["id"]
    assert (made.body["credentials_set"], made.body["inbound_webhook_token_set"]) == (True, True)
    answers: list[Any] = [made.body]
    for method, path, sent in (
        ("GET", f"{TRUNKS}{id}/", None), ("GET", TRUNKS, None), ("PATCH", f"{TRUNKS}{id}/", {"priority": 1}),
        ("PATCH", f"{TRUNKS}{id}/", {"credentials": ACCOUNTS[provider]}),
        ("PUT", f"{TRUNKS}{id}/", {"name": "S2", "provider": provider}),
        ("PATCH", f"{TRUNKS}{id}/", {"credentials": {**ACCOUNTS[provider], "more": f"{PASSWORD}\n{token}"}}),
    ):  # fmt: skip
        answers.append((await owner.ask(method, path, sent)).body)
    assert answers[-1]["code"] == "validation_error"
    answers.append(await owner.events())
    doc = await kept(gateway, tenant, id)
    assert PASSWORD in json.dumps(account(gateway, doc)), "a PUT without credentials keeps them"
    sealed = doc["inbound_webhook_token"]
    assert gateway.services.secrets.open(sealed, f"{credentials_context(id)}/inbound_webhook_token") == token
    for text in (json.dumps(answers), repr(doc)):
        assert PASSWORD not in text
        assert token not in text


async def test_credentials_are_merged_and_cleared(gateway: Running, tenant: Tenant) -> None:
    owner = tenant()
    id = await add_trunk(owner, "twilio", credentials={**ACCOUNTS["twilio"], "region": "ie1", "mine": "kept"})
    path = f"{TRUNKS}{id}/"
    (await owner.patch(path, {"credentials": {"auth_token": "other", "region": None}})).ok()
    assert account(gateway, await kept(gateway, tenant, id)) == {
        "account_sid": "AC1", "auth_token": "other", "mine": "kept",
    }  # fmt: skip
    detail = (await owner.patch(path, {"credentials": {"auth_token": None}})).refused(400, "validation_error")
    assert detail == {"credentials.auth_token": ["Field required"]}
    assert (await owner.patch(path, {"credentials": None})).ok()["credentials_set"] is False
    assert (await kept(gateway, tenant, id))["credentials"] is None
    empty = (await owner.post(TRUNKS, {"name": "Later", "provider": "sip", "credentials": {}})).ok(201)
    assert (empty["credentials_set"], empty["vendor_profile"]) == (False, None)


async def test_keys_changed_at_once_are_all_kept(gateway: Running, tenant: Tenant) -> None:
    id = await add_trunk(tenant(), "twilio")
    wanted = {"region": "ie1", "edge": "dublin", "auth_token": "new"}
    answers = await asyncio.gather(
        *(tenant().patch(f"{TRUNKS}{id}/", {"credentials": {key: value}}) for key, value in wanted.items())
    )
    for answer in answers:
        answer.ok()
    assert account(gateway, await kept(gateway, tenant, id)) == {"account_sid": "AC1", **wanted}


async def test_an_account_does_not_outlive_its_provider(gateway: Running, tenant: Tenant) -> None:
    owner = tenant()
    id = await add_trunk(owner, "sip")
    path = f"{TRUNKS}{id}/"
    for method, body in (("PATCH", {"provider": "twilio"}), ("PUT", {"name": "x", "provider": "twilio"})):
        assert list((await owner.ask(method, path, body)).refused(400, "validation_error")) == ["credentials"]
    assert (await kept(gateway, tenant, id))["provider"] == "sip"
    (await owner.patch(path, {"provider": "twilio", "credentials": ACCOUNTS["twilio"]})).ok()
    doc = await kept(gateway, tenant, id)
    assert (doc["hosts"], doc["vendor_profile"], doc["asterisk"]) == ([], None, None)
    assert account(gateway, doc) == ACCOUNTS["twilio"]
    assert (await owner.patch(path, {"provider": "plivo", "credentials": None})).ok()["credentials_set"] is False
    (await owner.patch(path, {"provider": "sip"})).ok()


async def test_a_sip_account_is_kept_with_what_is_needed_of_it(gateway: Running, tenant: Tenant) -> None:
    given = {**SIP, "vendor_profile": "airtel", "inbound_hosts": ["127.0.0.2", "LOCALHOST", "8.8.8.0/24"], "own": "x"}
    id = await add_trunk(tenant(), credentials=given)
    doc = await kept(gateway, tenant, id)
    assert doc["hosts"] == ["127.0.0.1", "127.0.0.2", "localhost", "8.8.8.0/24"]
    assert doc["vendor_profile"] == "airtel"
    opened = open_sip(gateway.services, doc)
    assert (opened.sip_username, opened.sip_password.get_secret_value()) == ("office", PASSWORD)
    assert account(gateway, doc)["own"] == "x"
    named = (await tenant().patch(f"{TRUNKS}{id}/", {"credentials": {"vendor_profile": "none such"}})).refused(
        400, "validation_error"
    )
    assert list(named) == ["credentials.vendor_profile"]


async def test_a_config_with_calls_stays_and_one_without_takes_its_numbers_along(
    gateway: Running, tenant: Tenant
) -> None:
    owner = tenant()
    used, free = await add_trunk(owner), await add_trunk(owner)
    for id in (used, free):
        number = {"number": "+12025550123", "provider_config": id, "route": REJECT}
        (await owner.post("/voice/api/numbers/", number)).ok(201)
    app = (await owner.get("/voice/api/tenant-voice-app/")).ok()["results"][0]["id"]
    defaults = {"default_outbound_config": free, "default_inbound_config": used}
    (await owner.patch(f"/voice/api/tenant-voice-app/{app}/", defaults)).ok()
    await add_call(gateway, tenant, used)
    (await owner.delete(f"{TRUNKS}{used}/")).refused(409, "conflict")
    (await owner.delete(f"{TRUNKS}{free}/")).ok(204)
    left = (await owner.get("/voice/api/numbers/")).ok()["results"]
    assert [row["provider_config"] for row in left] == [used]
    shown = (await owner.get(f"/voice/api/tenant-voice-app/{app}/")).ok()
    assert (shown["default_outbound_config"], shown["default_inbound_config"]) == (None, used)
    gone = await kept(gateway, tenant, free)
    assert (gone["credentials"], gone["enabled"]) == (None, False)
    assert gone["deleted_at"] is not None


async def test_the_sandbox_trunk_is_made_once_and_stays(tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    pages = await asyncio.gather(*(owner.get(TRUNKS) for _ in range(4)))
    rows = [page.ok()["results"] for page in pages]
    assert all(row == rows[0] for row in rows)
    (sandbox,) = rows[0]
    assert (sandbox["asterisk"], sandbox["credentials_set"], sandbox["from_numbers"]) == (
        "sandbox", True, ["+12025550100"],
    )  # fmt: skip
    path = f"{TRUNKS}{sandbox['id']}/"
    for body, named in (
        ({"credentials": SIP}, "credentials"), ({"credentials": None}, "credentials"),
        ({"provider": "plivo"}, "provider"),
    ):  # fmt: skip
        assert list((await owner.patch(path, body)).refused(400, "validation_error")) == [named]
    (await owner.delete(path)).refused(409, "conflict")
    assert (await tenant().get(TRUNKS)).ok()["count"] == 0, "the sandbox is not live"
    (await tenant().get(path)).refused(404, "not_found")
    call = {"to_number": "+12025550103", "tts_text": "Hello."}
    (await owner.patch(path, {"enabled": False})).ok()
    detail = (await owner.post("/voice/api/calls/", call)).refused(400, "validation_error")
    assert list(detail) == ["provider_config_id"]
    (await owner.patch(path, {"enabled": True})).ok()
    assert (await owner.post("/voice/api/calls/", call)).ok(201)["provider_config"] == sandbox["id"]


async def test_a_call_goes_over_the_named_the_default_or_the_preferred_config(tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    low, high = [await add_trunk(owner, priority=rank, from_numbers=["+12025550100"]) for rank in (1, 5)]
    call = {"to_number": "+12025550103", "tts_text": "Hello."}

    async def used(**fields: Any) -> Any:
        return (await owner.post("/voice/api/calls/", {**call, **fields})).ok(201)["provider_config"]

    assert await used() == high
    assert await used(provider_config_id=low) == low
    app = (await owner.get("/voice/api/tenant-voice-app/")).ok()["results"][0]["id"]
    (await owner.patch(f"/voice/api/tenant-voice-app/{app}/", {"default_outbound_config": low})).ok()
    assert await used() == low
    (await owner.patch(f"{TRUNKS}{low}/", {"enabled": False})).ok()
    assert await used() == high, "a default that is switched off is passed over"
    for id in (low, NOBODY):
        answer = await owner.post("/voice/api/calls/", {**call, "provider_config_id": id})
        assert list(answer.refused(400, "validation_error")) == ["provider_config_id"]


async def test_another_tenants_config_is_unknown_everywhere(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    other = await new_tenant()
    theirs = await add_trunk(other())
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("PUT", {"name": "x", "provider": "sip"}),
                         ("DELETE", None)):  # fmt: skip
        (await tenant().ask(method, f"{TRUNKS}{theirs}/", body)).refused(404, "not_found")
    assert theirs not in json.dumps((await tenant().get(TRUNKS)).ok())
    assert (await other().get(f"{TRUNKS}{theirs}/")).ok()["name"] == "Over sip"
    detail = (await tenant().post(
        "/voice/api/calls/", {"to_number": "+12025550103", "tts_text": "x", "provider_config_id": theirs}
    )).refused(400, "validation_error")  # fmt: skip
    assert list(detail) == ["provider_config_id"]


@pytest.mark.parametrize("role", ["manager", "agent", "viewer"])
async def test_only_who_manages_voice_sees_or_changes_configs(tenant: Tenant, role: str) -> None:
    id = await add_trunk(tenant())
    for method, path, body in (
        ("GET", TRUNKS, None), ("POST", TRUNKS, {"name": "x", "provider": "sip"}), ("GET", f"{TRUNKS}{id}/", None),
        ("PATCH", f"{TRUNKS}{id}/", {"name": "x"}), ("DELETE", f"{TRUNKS}{id}/", None),
    ):  # fmt: skip
        (await tenant(role).ask(method, path, body)).refused(403, "permission_denied")
    assert (await tenant("admin").get(f"{TRUNKS}{id}/")).ok()["name"] == "Over sip"
