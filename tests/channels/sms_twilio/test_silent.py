"""A message whose report never came: Twilio is asked, fairly, for a day; then the trace says that nothing is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.actions.messaging import silent
from jinaconnect.store.tenant import Change
from tests.channels.sms_twilio.conftest import Sms
from tests.client import until


async def sent(sms: Sms, to: str = "+12025550111") -> str:
    """Send a message that Twilio has taken; returns its id."""
    id = str((await sms.sends(to)).ok(201)["id"])

    async def taken() -> bool:
        return bool((await sms.shown(id))["status"] == "SENT")

    await until(taken)
    return id


async def waited(sms: Sms, *ids: str, hours: float = 1) -> None:
    """Let messages have been sent so long ago, and have them looked at."""
    store = sms.gateway.services.store.of(sms.tenant.id, "live")
    now = sms.gateway.services.clock()
    for id in ids:
        fields = {"report_due": now, "sent_at": now - timedelta(hours=hours)}
        await store.change("messages", id, lambda _, given=fields: Change(set=given))
    await silent.look(sms.gateway.services, sms.gateway.ports)


async def steps(sms: Sms, id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await sms.tenant().get(f"/messages/{id}/trace/")).ok()["steps"]
    return found


async def test_who_is_silent_is_asked(sms: Sms) -> None:
    first, second, third = [await sent(sms) for _ in range(3)]
    ids = sms.server.ids
    await silent.look(sms.gateway.services, sms.gateway.ports)
    assert not sms.server.looked_up, "within the first hour nobody is asked"
    sms.server.known[ids[first]] = {"status": "delivered"}
    sms.server.known[ids[second]] = {"status": "undelivered", "error_code": 30005}
    sms.server.known[ids[third]] = {"status": "sent"}
    await waited(sms, first, second, third)
    assert [(await sms.shown(id))["status"] for id in (first, second, third)] == [
        "DELIVERED", "UNDELIVERED", "SENT"
    ]
    failed = await sms.shown(second)
    assert (failed["error_code"], "no longer in use" in failed["error_message"]) == ("30005", True)
    told = (await steps(sms, first))[-1]
    assert (told["kind"], told["status"], told["asked"]) == ("report", "DELIVERED", True)
    await waited(sms, third)
    assert sms.server.looked_up == {ids[first]: 1, ids[second]: 1, ids[third]: 2}, "what is known is not asked again"


async def test_after_a_day_the_trace_says_that_nothing_is_known(sms: Sms) -> None:
    known, unknown = await sent(sms), await sent(sms)
    sms.server.known[sms.server.ids[known]] = {"status": "sent"}
    await waited(sms, known, unknown, hours=23)
    assert [step["kind"] for step in await steps(sms, unknown)] == ["queued", "attempt"]
    await waited(sms, known, unknown, hours=25)
    for id in (known, unknown):
        last = (await steps(sms, id))[-1]
        assert (last["kind"], last["reason"]) == (
            "silent", "The carrier has reported nothing in 24 hours, nor when it was asked: it may be delivered."
        )
        assert (await sms.shown(id))["status"] == "SENT", "nothing is made up"
    asked = sms.server.looked_up.total()
    await silent.look(sms.gateway.services, sms.gateway.ports)
    assert sms.server.looked_up.total() == asked, "it is looked at no more"
    (await sms.reports(known, "delivered")).ok()
    assert (await sms.shown(known))["status"] == "DELIVERED", "a late report counts"


async def test_a_report_ends_the_waiting(sms: Sms) -> None:
    id = await sent(sms)
    store = sms.gateway.services.store.of(sms.tenant.id, "live")
    assert (await store.get("messages", id))["report_due"] > sms.gateway.services.clock() + timedelta(minutes=59)
    (await sms.reports(id, "delivered")).ok()
    assert "report_due" not in await store.get("messages", id)


async def test_one_account_with_much_to_ask_holds_up_no_other(sms: Sms, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [await sent(sms) for _ in range(6)]
    (await sms.tenant().patch(f"/sms/v1/apps/{sms.app['id']}/", {"is_default": True})).ok()
    body = {**sms.server.account(), "sender_id": "+12025550162"}
    other = (await sms.tenant().post("/sms/v1/apps/", body)).ok(201)
    few = str((await sms.sends(app_id=other["id"])).ok(201)["id"])

    async def taken() -> bool:
        return bool((await sms.shown(few))["status"] == "SENT")

    await until(taken)
    monkeypatch.setattr(silent, "SHARE", 1)
    monkeypatch.setattr(silent, "MOST", 3)
    await waited(sms, *many, few)
    assert sms.server.looked_up[sms.server.ids[few]] == 1
    assert sms.server.looked_up.total() == 3
