"""A text message in place of a call that reached nobody: once, under the rules of every message."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.handlers.broadcasts.test_calls import ANSWERS, BUSY, OVER, Office
from tests.telephony.providers.lines import CALLS, TRUNKS
from tests.telephony.providers.test_sandbox import ended
from tests.tenants import Tenant

SAYS = "Hello {{ first_name }}, we called from {{from_number}} ({{hangup_cause}}){{nothing}}."


@pytest.fixture
def office(gateway: Running, tenant: Tenant) -> Office:
    return Office(gateway, tenant)


async def account(office: Office, provider: str = "twilio", **fields: Any) -> str:
    """Return a provider config that has a text message go in place of a call."""
    apps = (await office.client.get("/sms/v1/apps/")).ok()["results"]
    app = next(each["id"] for each in apps if each["provider"] == "TWILIO")
    wanted = {
        "fallback_sms_enabled": True, "fallback_sms_config": app, "fallback_sms_template": SAYS, **fields,
    }  # fmt: skip
    return await office.trunk(provider, **wanted)


async def placed(office: Office, trunk: str, to: str, **fields: Any) -> dict[str, Any]:
    """Call somebody, and return the call when what follows its end is done."""
    body = {"to_number": to, "tts_text": "Hello.", "provider_config_id": trunk, "timeout_s": 5, **fields}
    call = (await office.client.post(CALLS, body)).ok(201)["id"]
    await ended(office.client, call)

    async def done() -> dict[str, Any] | None:
        row = await office.store.get("calls", call)
        return None if "due" in row else row

    found: dict[str, Any] = await until(done, 20)
    return found


async def texts(office: Office) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await office.client.get("/sms/v1/messages/")).ok()["results"]
    return listed


@pytest.mark.parametrize("provider", ["sip", "twilio"])
async def test_who_was_busy_gets_a_text_message_once(office: Office, provider: str) -> None:
    await office.people(BUSY)
    trunk = await account(office, provider)
    row = await placed(office, trunk, BUSY)
    told = (await office.client.get(f"{CALLS}{row['_id']}/")).ok()["metadata"]
    message = told["sms_fallback"].pop("sms_message_id")
    assert told["sms_fallback"] == {"attempted": True, "skipped_reason": None, "success": True, "error": None}
    assert told["sms_fallback_sent"] is True
    sent = await texts(office)
    assert [each["id"] for each in sent] == [message]
    own = row["from_number"]
    assert sent[0]["message_text"] == f"Hello P0103, we called from {own} (USER_BUSY)."
    events = [each["type"] for each in await office.client.events("start", call=row["_id"])]
    assert events.count("call.sms_fallback") == 1
    timeline = (await office.client.get(f"{CALLS}{row['_id']}/timeline/")).ok()["items"]
    assert next(each for each in timeline if each["type"] == "call.sms_fallback")["detail"]["sms_message_id"] == message

    # What follows a call's end is done again after a crash, wherever that was.
    for unset in (["metadata.sms_fallback"], ["metadata.sms_fallback", "metadata.sms_fallback_sent"], []):
        again = Change(set={"due": due_at(office.gateway.services.clock())}, unset=unset)
        await office.store.change("calls", row["_id"], lambda _, again=again: again)  # type: ignore[misc]
        office.gateway.ports.worker.run_now("calls", office.store.scope, row["_id"])

        async def over() -> bool:
            return "due" not in await office.store.get("calls", row["_id"])

        await until(over, 20)
        assert [each["id"] for each in await texts(office)] == [message]


@pytest.mark.parametrize(("to", "fields", "reason"), [
    (ANSWERS, {}, None), (BUSY, {"fallback_sms_enabled": False}, None),
    (BUSY, {"fallback_sms_config": None}, "no_sms_app"), (BUSY, {"fallback_sms_template": " {{x}} "}, "empty_body"),
    (BUSY, {"fallback_on_causes": ["NO_ANSWER", ""]}, "cause_filtered"),
])  # fmt: skip
async def test_where_none_goes_the_call_says_why(
    office: Office, to: str, fields: dict[str, Any], reason: str | None
) -> None:
    trunk = await account(office)
    (await office.client.patch(f"{TRUNKS}{trunk}/", fields)).ok()
    told = (await placed(office, trunk, to))["metadata"]
    assert told.get("sms_fallback", {}).get("skipped_reason") == reason
    assert not await texts(office)


async def test_who_opted_out_of_text_messages_gets_none(office: Office) -> None:
    doc = new_contact(
        office.gateway.services.ids.new("cnt"), source="IMPORT", by=None, phone=BUSY,
        opt_outs={"SMS": "2026-01-01T00:00:00.000Z"},
    )  # fmt: skip
    await office.store.insert("contacts", doc)
    told = (await placed(office, await account(office), BUSY))["metadata"]["sms_fallback"]
    assert (told["attempted"], told["success"]) == (True, False)
    assert "opted out" in told["error"]
    assert not await texts(office)


@pytest.mark.parametrize(("own", "wanted"), [(False, True), (True, False)])
async def test_a_broadcast_says_for_itself_whether_they_go(office: Office, own: bool, wanted: bool) -> None:
    await office.people(BUSY, ANSWERS)
    trunk = await account(office, fallback_sms_enabled=own)
    id = await office.begin(app=trunk, fallback_sms_enabled=wanted)
    assert (await office.reaches(id, *OVER))["fallback_sms_enabled"] is wanted
    told = (await office.client.get(f"/broadcast/{id}/calls/")).ok()
    assert told["sms_fallbacks"] == int(wanted) == len(await texts(office))
