"""Broadcasts that are calls: over the sandbox's SIP trunk and each simulated HTTP carrier alike."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.store.tenant import Change, TenantStore
from tests.client import Answered, until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.handlers.broadcasts.shop import BROADCASTS, ROWS
from tests.telephony.calls.graphs import menu
from tests.telephony.calls.telephone import OWN
from tests.telephony.providers.lines import CALLS, TRUNKS
from tests.tenants import Tenant

OVER = ("SENT", "PARTIALLY_SENT", "FAILED")
PRESSES, BUSY, RINGS, ANSWERS = "+12025550107", "+12025550103", "+12025550102", "+12025550101"


@dataclass
class Office:
    """A tenant in test mode, who calls."""

    gateway: Running
    tenant: Tenant

    @property
    def store(self) -> TenantStore:
        return self.gateway.services.store.of(self.tenant.id, "test")

    @property
    def client(self) -> Any:
        return self.tenant("owner", "test")

    async def people(self, *phones: str, **fields: Any) -> list[str]:
        docs = [
            new_contact(
                self.gateway.services.ids.new("cnt"), source="IMPORT", by=None,
                **{"phone": phone, "first_name": f"P{phone[-4:]}", **fields},
            )
            for phone in phones
        ]  # fmt: skip
        await self.store.insert_many("contacts", [(doc, ()) for doc in docs])
        return [doc["_id"] for doc in docs]

    async def trunk(self, provider: str, lines: int = 10, **fields: Any) -> str:
        """Return an account: the sandbox's own trunk, or one at a simulated carrier."""
        if provider == "sip":
            rows = (await self.client.get(TRUNKS)).ok()["results"]
            (await self.client.patch(f"{TRUNKS}{rows[0]['id']}/", {"max_concurrent_calls": lines, **fields})).ok()
            return str(rows[0]["id"])
        body = {"name": provider, "provider": provider, "from_numbers": [OWN], "max_concurrent_calls": lines, **fields}
        return str((await self.client.post(TRUNKS, body)).ok(201)["id"])

    async def write(self, **fields: Any) -> Answered:
        said = {} if "voice_template" in fields else {"placeholder_data": {"message": "Hello {{first_name}}."}}
        body = {
            "name": "Calls", "platform": "VOICE", "status": "QUEUED", "select_all": True, "category": "UTILITY",
            **said, **fields,
        }  # fmt: skip
        answer: Answered = await self.client.post(BROADCASTS, body)
        return answer

    async def begin(self, **fields: Any) -> str:
        id = str((await self.write(**fields)).ok(201)["id"])
        await self.due(id)
        return id

    async def due(self, id: str) -> None:
        """Let a broadcast's time have come."""
        now = self.gateway.services.clock()
        await self.store.change("broadcasts", id, lambda _: Change(set={"scheduled_time": now, "due.at": now}))
        self.gateway.ports.worker.run_now("broadcasts", self.store.scope, id)

    async def reaches(self, id: str, *statuses: str) -> dict[str, Any]:
        async def there() -> dict[str, Any] | None:
            shown: dict[str, Any] = (await self.client.get(f"{BROADCASTS}{id}/")).ok()
            return shown if shown["status"] in statuses else None

        found: dict[str, Any] = await until(there, 60)
        return found

    async def rows(self, id: str) -> dict[str, dict[str, Any]]:
        listed = (await self.client.get(ROWS, params={"broadcast": id, "page_size": "100"})).ok()["results"]
        return {row["contact_phone"]: row for row in listed}

    async def calls(self, id: str) -> list[dict[str, Any]]:
        return await self.store.select("calls", {"broadcast": id})


@pytest.fixture
def office(gateway: Running, tenant: Tenant) -> Office:
    return Office(gateway, tenant)


PROVIDERS = ("sip", "twilio", "plivo", "vonage", "telnyx", "exotel")


async def test_everybody_is_called_once_and_their_row_says_what_became_of_it(office: Office) -> None:
    await office.people(PRESSES, BUSY, ANSWERS)
    await office.people("+12025550166", dnc=True)
    graph = {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}
    template = (await office.client.post("/voice/api/templates/", graph)).ok(201)["id"]
    await asyncio.gather(*(everybody_once(office, provider, template) for provider in PROVIDERS))
    board = (await office.client.get("/broadcast/dashboard/?channel=voice")).ok()
    assert (board["calls"]["calls"], board["calls"]["answered"], board["calls"]["busy"]) == (18, 12, 6)
    assert (board["delivered"], board["failed"], board["blocked"], board["total_broadcasts"]) == (12, 6, 6, 6)


async def everybody_once(office: Office, provider: str, template: str) -> None:
    """Call people over one kind of account, two at once, and hold what is told against the calls."""
    trunk = await office.trunk(provider, lines=2)
    card = {
        "name": "US", "provider_config": trunk, "destination_prefix": "+1", "rate_per_minute": 0.6,
        "valid_from": "2020-01-01T00:00:00Z",
    }  # fmt: skip
    (await office.client.post("/voice/api/rate-cards/", card)).ok(201)
    options = {"metadata": {"sandbox_digits": "w1"}, "max_duration_s": 30}
    id = await office.begin(app=trunk, voice_template=template, call_options=options)
    ended = await office.reaches(id, *OVER)
    assert (ended["status"], ended["delivered_count"], ended["failed_count"]) == ("PARTIALLY_SENT", 2, 1)
    assert (ended["blocked_count"], ended["app"], ended["initial_cost"]) == (1, trunk, None)
    rows = await office.rows(id)
    assert {phone: (row["status"], row["outcome"]) for phone, row in rows.items()} == {
        PRESSES: ("DELIVERED", "answered"), ANSWERS: ("DELIVERED", "answered"), BUSY: ("FAILED", "busy"),
        "+12025550166": ("BLOCKED", None),
    }  # fmt: skip
    assert rows[PRESSES]["answers"] == [{"node": "ask", "digits": "1"}]
    assert rows[BUSY]["error_code"] == "USER_BUSY"
    calls = await office.calls(id)
    assert Counter(call["to_number"] for call in calls) == {PRESSES: 1, BUSY: 1, ANSWERS: 1}
    shown = (await office.client.get(f"{CALLS}{rows[PRESSES]['call']}/")).ok()
    assert (shown["broadcast"], shown["user"]) == (id, None)
    assert shown["team_inbox_message"] == rows[PRESSES]["message"]

    async def counted() -> dict[str, Any] | None:
        told: dict[str, Any] = (await office.client.get(f"{BROADCASTS}{id}/calls/")).ok()
        return told if told["cost"] and told["live"] == 0 else None

    told = await until(counted, 20)
    assert (told["calls"], told["answered"], told["busy"], told["no_answer"]) == (3, 2, 1, 0)
    assert told["seconds"] == sum(call["duration_seconds"] or 0 for call in calls) > 0
    assert told["cost"] == [{"currency": "USD", "amount": 1.2}]
    assert told["answers"] == [{"node": "ask", "digits": "1", "count": 1}]
    assert told["recipients"] == {
        "waiting": 0, "blocked": 1, "answered": 2, "machine": 0, "busy": 1, "no_answer": 0, "failed": 0,
        "canceled": 0, "unknown": 0,
    }  # fmt: skip


async def test_there_are_never_more_calls_than_lines(office: Office) -> None:
    await office.people(*(f"+1202555{number:04}" for number in range(2000, 2007)))
    trunk = await office.trunk("twilio", lines=2)
    id = await office.begin(app=trunk, call_options={"max_concurrent": 5})
    ended = await office.reaches(id, *OVER)
    assert (ended["status"], ended["delivered_count"]) == ("SENT", 7)
    moments = [
        (moment, change)
        for call in await office.calls(id)
        for moment, change in ((call["created_at"], 1), (call["ended_at"], -1))
    ]
    live = most = 0
    for _, change in sorted(moments):
        live += change
        most = max(most, live)
    assert most == 2


async def test_who_was_busy_is_called_again_and_the_last_call_counts(office: Office) -> None:
    await office.people(BUSY)
    retry = {"on": ["busy"], "times": 1, "after_minutes": 1}
    id = await office.begin(app=await office.trunk("plivo"), call_options={"retry": retry})

    async def waits() -> dict[str, Any] | None:
        row = next(iter(await office.store.select("broadcast_rows", {"broadcast": id})), None)
        return row if row is not None and row["retry_count"] == 1 else None

    row = await until(waits, 20)
    assert (row["status"], row["call"]) == ("PENDING", None)
    assert timedelta(seconds=30) < row["at"] - office.gateway.services.clock() <= timedelta(minutes=1)
    now = office.gateway.services.clock()
    await office.store.change("broadcast_rows", row["_id"], lambda _: Change(set={"at": now}))

    async def over() -> bool:
        """Have it look again whenever it waits: it may have seen before when the next call was due."""
        doc = await office.store.get("broadcasts", id)
        waits_until = doc.get("due", {"at": now, "by": None})
        if waits_until["by"] is None and waits_until["at"] > office.gateway.services.clock():
            await office.due(id)
        return doc["status"] in OVER

    await until(over, 60)
    ended = await office.reaches(id, *OVER)
    assert (ended["status"], ended["failed_count"]) == ("FAILED", 1)
    assert len(await office.calls(id)) == 2


async def test_a_cancelled_broadcast_calls_nobody_more_and_live_calls_end_by_themselves(office: Office) -> None:
    await office.people(*(f"+1202555{number:04}" for number in range(3000, 3012)))
    trunk = await office.trunk("telnyx", lines=2)
    id = await office.begin(app=trunk)

    async def some() -> bool:
        return bool(await office.store.few("calls", {"broadcast": id, "status": "IN_PROGRESS"}, 1))

    await until(some, 20)
    told = (await office.client.post(f"{BROADCASTS}{id}/cancel/", {"reason": "A mistake."})).ok()
    assert told["messages_cancelled"] > 0

    async def quiet() -> bool:
        row = await office.store.get("broadcasts", id)
        live = await office.store.few("broadcast_rows", {"broadcast": id, "status": "SENDING"}, 1)
        return "due" not in row and live == 0

    await until(quiet, 30)
    calls = await office.calls(id)
    assert {call["status"] for call in calls} == {"COMPLETED"}
    assert len(calls) <= 4, "those that were placed before it was seen"
    shown = await office.reaches(id, "CANCELLED")
    assert shown["pending_count"] == 0
    rows = await office.store.select("broadcast_rows", {"broadcast": id, "error_code": "broadcast.cancelled"})
    assert [row["status"] for row in rows] == ["FAILED"] * (12 - len(calls))


async def test_what_cannot_be_called_is_refused_where_it_is_written(office: Office) -> None:
    await office.people(ANSWERS)
    (await office.write(placeholder_data={})).refused(400, "validation_error")
    assert "template_number" in (await office.write(template_number="tpl_1")).refused(400, "validation_error")
    assert "voice_template" in (await office.write(voice_template="vtp_none")).refused(400, "validation_error")
    assert "app" in (await office.write(app="trk_none")).refused(400, "validation_error")
    exotel = await office.trunk("exotel")
    (await office.write(app=exotel, call_options={"machine_detection": True})).refused(409, "unsupported")
    wrong = await office.write(call_options={"from_number": "12"})
    assert "from_number" in str(wrong.refused(400, "validation_error"))
    text = {"platform": "SMS", "voice_template": None, "call_options": {"record": True}}
    assert "call_options" in (await office.write(**text)).refused(400, "validation_error")
    assert (await office.client.get(BROADCASTS)).ok()["count"] == 0


async def test_a_wallet_that_runs_dry_pauses_it_before_anybody_is_called_unpaid(office: Office) -> None:
    services, scope = office.gateway.services, office.store.scope
    await wallet_with(services, scope, 1)
    await office.people(ANSWERS, PRESSES)
    trunk = await office.trunk("vonage", lines=1)
    card = {
        "name": "US", "provider_config": trunk, "destination_prefix": "+1", "rate_per_minute": 0.5,
        "valid_from": "2020-01-01T00:00:00Z",
    }  # fmt: skip
    (await office.client.post("/voice/api/rate-cards/", card)).ok(201)
    id = (await office.write(app=trunk)).ok(201)["id"]
    shown = (await office.client.get(f"{BROADCASTS}{id}/")).ok()
    assert shown["initial_cost"] == 1.0
    assert (await books(services, scope))[0]["reserved"] == 0, "each call is paid for by itself"
    late = await office.people("+12025550166")
    (await office.write(app=trunk)).refused(400, "insufficient_balance")
    await office.due(id)
    paused = await office.reaches(id, "PAUSED")
    assert "more" in paused["reason_for_cancellation"]
    rows = await office.store.select("broadcast_rows", {"broadcast": id})
    assert {row["contact"]: row["status"] for row in rows}[late[0]] == "PENDING"
    await services.wallets.credit(scope, "recharge:1", MICRO)
    (await office.client.post(f"{BROADCASTS}{id}/resume/", {"scope": "pending"})).ok(202)
    assert (await office.reaches(id, *OVER))["delivered_count"] == 3
    assert len(await office.calls(id)) == 3

    async def settled() -> bool:
        wallet, _ = await books(services, scope)
        return (wallet["balance"], wallet["reserved"]) == (round(0.5 * MICRO), 0)

    await until(settled, 20)


async def test_who_has_other_hours_waits_and_is_given_up_after_as_many_as_the_rules_say(office: Office) -> None:
    await office.people(ANSWERS)
    there = office.gateway.services.clock().astimezone(ZoneInfo("America/New_York"))
    hours = {"start": f"{(there.hour + 2) % 24:02}:00", "end": f"{(there.hour + 3) % 24:02}:00"}
    id = await office.begin(allowed_hours_local=hours)

    async def waits(times: int = 1) -> dict[str, Any] | None:
        row = next(iter(await office.store.select("broadcast_rows", {"broadcast": id})), None)
        return row if row is not None and row.get("deferrals") == times else None

    row = await until(waits, 20)
    assert (row["status"], row["error_code"]) == ("PENDING", "broadcast.allowed_hours_local")
    now = office.gateway.services.clock()
    await office.store.change("broadcast_rows", row["_id"], lambda _: Change(set={"at": now, "deferrals": 24}))
    await office.due(id)
    assert (await office.reaches(id, *OVER))["failed_count"] == 1
    assert await office.calls(id) == []


async def test_a_machine_that_answers_is_told_from_people_where_the_carrier_can(office: Office) -> None:
    await office.people("+12025550109", ANSWERS)
    id = await office.begin(app=await office.trunk("telnyx"), call_options={"machine_detection": True})
    assert (await office.reaches(id, *OVER))["delivered_count"] == 2
    rows = await office.rows(id)
    assert {phone: row["outcome"] for phone, row in rows.items()} == {"+12025550109": "machine", ANSWERS: "answered"}


async def test_who_is_named_and_has_no_number_has_failed(office: Office) -> None:
    [ann] = await office.people(ANSWERS)
    [bea] = await office.people("+12025550109", phone=None, telegram_chat_id=12025550109)
    id = await office.begin(select_all=False, recipients=[ann, bea])
    ended = await office.reaches(id, *OVER)
    rows = await office.rows(id)
    assert (ended["status"], rows[ANSWERS]["contact"]) == ("PARTIALLY_SENT", ann)
    assert (rows[None]["contact"], rows[None]["error_code"]) == (bea, "contact.no_address")  # type: ignore[index]
    (await office.write(select_all=False, recipients=[bea])).refused(400, "validation_error")
