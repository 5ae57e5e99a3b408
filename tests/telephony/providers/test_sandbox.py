"""The sandbox's HTTP carriers: one IVR goes the same way over each of them, over their own requests and webhooks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.client import Client, until
from tests.telephony.calls.graphs import graph, menu
from tests.telephony.calls.telephone import ENDED, OWN, TERMINAL
from tests.telephony.providers.lines import CALLS, TRUNKS, events_of
from tests.tenants import Tenant

PROVIDERS = ("twilio", "plivo", "vonage", "telnyx", "exotel")
PRESSES, BUSY, REJECTS, MACHINE = "+12025550107", "+12025550103", "+12025550105", "+12025550109"
STEPS = ["hello", "ask", "kept", "pause", "agent", "bye", "end"]


def ivr() -> dict[str, Any]:
    """A welcome, a question whose second try is answered, a pause, a transfer that comes back."""
    nodes = {
        "hello": ("voice.play", {"tts_text": "Hello."}),
        "ask": ("voice.gather_dtmf", {"prompt_tts": "Two keys?", "max_digits": 2, "timeout_seconds": 5,
                                      "retries": 1, "save_as": "choice"}),
        "kept": ("set_variable", {"name": "said", "value": "{{choice}}!"}),
        "pause": ("wait", {"seconds": 1}),
        "agent": ("voice.transfer", {"to_uri": "+12025550188"}),
        "bye": ("voice.play", {"tts_text": "You pressed {{said}}"}),
        "end": ("voice.hangup", {}),
    }  # fmt: skip
    return graph(
        "hello", nodes, ("hello", "done", "ask"), ("ask", "12", "kept"), ("kept", "done", "pause"),
        ("pause", "done", "agent"), ("agent", "answered", "bye"), ("bye", "done", "end"),
    )  # fmt: skip


async def trunks(client: Client) -> dict[str, str]:
    """Add an account at each; in test mode it needs no credentials."""
    fields = {"from_numbers": [OWN]}
    return {
        name: (await client.post(TRUNKS, {"name": name, "provider": name, **fields})).ok(201)["id"]
        for name in PROVIDERS
    }


async def ended(client: Client, call: str) -> dict[str, Any]:
    """Wait for a call's end."""
    shown: dict[str, Any] = {}

    async def over() -> bool:
        shown.update((await client.get(f"{CALLS}{call}/")).ok())
        return shown["status"] in ENDED

    await until(over, 60)
    return shown


async def test_one_ivr_goes_the_same_way_over_each_of_them(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    body = {"name": "Menu", "template_kind": "ivr_menu", "graph": ivr()}
    template = (await client.post("/voice/api/templates/", body)).ok(201)["id"]
    wanted = {"to_number": PRESSES, "template": template, "record": True, "metadata": {"sandbox_digits": "ww12"}}
    calls = {
        name: (await client.post(CALLS, {**wanted, "provider_config_id": trunk})).ok(201)["id"]
        for name, trunk in (await trunks(client)).items()
    }
    told: dict[str, Any] = {}
    for name, call in calls.items():
        shown = await ended(client, call)
        events = await events_of(client, call)
        # Recordings and the inbox's entry follow the call in a time of their own.
        types = [each["type"] for each in events if each["type"].startswith("call.")]
        types = [each for each in types if not each.startswith("call.recording")]
        told[name] = {
            "status": (shown["status"], shown["hangup_cause"]), "types": types,
            "steps": [each["data"]["node"] for each in events if each["type"] == "call.ivr_step"],
            "keys": [each["data"]["digit"] for each in events if each["type"] == "call.dtmf"],
        }  # fmt: skip
    first = told["twilio"]
    assert first["steps"] == STEPS
    assert first["keys"] == ["1", "2"]
    assert first["status"] == ("COMPLETED", "NORMAL_CLEARING")
    assert len([each for each in first["types"] if each in TERMINAL]) == 1
    assert {name: each for name, each in told.items() if each != first} == {}

    async def recorded() -> bool:
        rows = (await client.get("/voice/api/recordings/?page_size=50")).ok()["results"]
        return {each["call"] for each in rows} == set(calls.values())

    await until(recorded, 30)


async def test_an_ivr_a_carrier_cannot_be_told_is_not_begun_over_it(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    nodes = {"ask": ("voice.gather_speech", {"language": "en-IN", "timeout_seconds": 5}), "end": ("voice.hangup", {})}
    body = {"name": "Listens", "template_kind": "ivr_menu", "graph": graph("ask", nodes, ("ask", "done", "end"))}
    template = (await client.post("/voice/api/templates/", body)).ok(201)["id"]
    accounts = await trunks(client)
    wanted = {"to_number": PRESSES, "template": template}
    refused = await client.post(CALLS, {**wanted, "provider_config_id": accounts["exotel"]})
    assert "ask" in str(refused.refused(409, "unsupported"))
    call = (await client.post(CALLS, {**wanted, "provider_config_id": accounts["plivo"]})).ok(201)["id"]
    assert (await ended(client, call))["status"] == "COMPLETED"


@pytest.mark.parametrize(("number", "causes"), [
    (BUSY, {"USER_BUSY"}), (REJECTS, {"CALL_REJECTED", "NORMAL_TEMPORARY_FAILURE"}),
])  # fmt: skip
async def test_who_does_not_answer(tenant: Tenant, number: str, causes: set[str]) -> None:
    client = tenant("owner", "test")
    said = {"to_number": number, "tts_text": "Hello."}
    calls = [
        (await client.post(CALLS, {**said, "provider_config_id": trunk})).ok(201)["id"]
        for trunk in (await trunks(client)).values()
    ]
    shown = await asyncio.gather(*(ended(client, call) for call in calls))
    assert {each["status"] for each in shown} == {"FAILED"}
    assert {each["hangup_cause"] for each in shown} <= causes


async def test_a_live_call_is_ordered_about(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    nodes = {"wait": ("wait", {"seconds": 60})}
    body = {"name": "Wait", "template_kind": "ivr_menu", "graph": graph("wait", nodes)}
    template = (await client.post("/voice/api/templates/", body)).ok(201)["id"]
    for name, trunk in (await trunks(client)).items():
        if name == "exotel":
            continue
        wanted = {"to_number": MACHINE, "template": template, "provider_config_id": trunk, "machine_detection": True}
        call = (await client.post(CALLS, wanted)).ok(201)["id"]

        async def answered(call: str = call) -> bool:
            shown = (await client.get(f"{CALLS}{call}/")).ok()
            return shown["status"] == "IN_PROGRESS" and shown["metadata"].get("answered_by") == "machine"

        await until(answered, 30)
        (await client.post(f"{CALLS}{call}/dtmf/", {"digits": "1"})).ok()
        assert (await client.post(f"{CALLS}{call}/hangup/", {})).ok()["hung_up"]
        assert (await ended(client, call))["status"] == "COMPLETED"
        assert (await client.post(f"{TRUNKS}{trunk}/test/", {})).ok()["options"]["ok"]


async def test_a_simulated_customer_calls_a_number_at_each_of_them(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    body = {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}
    template = (await client.post("/voice/api/templates/", body)).ok(201)["id"]
    calls = []
    for place, name in enumerate(PROVIDERS):
        number = f"+1202555014{place}"
        fields = {"name": name, "provider": name, "from_numbers": [number], "recording_enabled": True}
        trunk = (await client.post(TRUNKS, fields)).ok(201)["id"]
        wanted = {"channel": "voice", "from": "+12025550166", "to": number, "keys": "1"}
        assert (await client.post("/sandbox/inbound/", wanted)).ok(201)["status"] == "rejected"
        route = {"number": number, "provider_config": trunk, "route": {"type": "template", "template": template}}
        (await client.post("/voice/api/numbers/", route)).ok(201)
        calls.append((await client.post("/sandbox/inbound/", wanted)).ok(201)["call_id"])
    for call in calls:
        shown = await ended(client, call)
        assert (shown["direction"], shown["status"]) == ("inbound", "COMPLETED")
        events = await events_of(client, call)
        assert [each["data"]["node"] for each in events if each["type"] == "call.ivr_step"] == ["ask", "bye", "end"]

    async def recorded() -> bool:  # Exotel records what is placed there alone
        rows = (await client.get("/voice/api/recordings/?page_size=50")).ok()["results"]
        return sorted(each["call"] for each in rows) == sorted(calls[:-1])

    await until(recorded, 30)
