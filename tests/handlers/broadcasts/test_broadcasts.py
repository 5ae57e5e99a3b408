"""Broadcasts: everybody once, and everybody's row says what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.store.tenant import Change
from tests.carriers.meta import Behaviour, refusal
from tests.client import until
from tests.conftest import Running
from tests.handlers.broadcasts.shop import BROADCASTS, ROWS, Shop, open_shop
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


def by_status(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(row["status"] for row in rows)


async def test_everybody_is_sent_to_once_in_their_own_words(shop: Shop) -> None:
    await shop.people(25)
    id = await shop.begin()
    ended = await shop.reaches(id, "SENT")
    assert (ended["ui_status"], ended["recipient_count"], ended["success_count"]) == ("Completed", 25, 25)
    assert set(shop.reached().values()) == {1}
    assert len(shop.reached()) == 25
    rows = await shop.rows(id)
    one = shop.server.bodies[rows[0]["message"]]
    assert [part["text"] for part in one["template"]["components"][0]["parameters"]] == [
        rows[0]["contact_name"], "SPRING"
    ]  # fmt: skip
    shown = (await shop.tenant().get(f"/team-inbox/api/messages/{rows[0]['message']}/")).ok()
    assert shown["content"]["body"]["text"] == f"Hello {rows[0]['contact_name']}, your code is SPRING."
    assert (await shop.tenant().get("/wa/v1/messages/")).ok()["count"] == 25, "each stands in the inbox"


async def test_reports_move_the_rows_whatever_their_order(shop: Shop) -> None:
    await shop.people(4)
    id = await shop.begin()
    await shop.reaches(id, "SENT")
    messages = [row["message"] for row in await shop.rows(id)]
    await shop.report(messages[:2], "read")
    await shop.report(messages[:3], "delivered")
    await shop.report(messages[3:], "failed")
    rows = {row["message"]: row for row in await shop.rows(id)}
    assert [rows[message]["status"] for message in messages] == ["READ", "READ", "DELIVERED", "FAILED"]
    assert rows[messages[0]]["delivered_at"] is not None
    shown = await shop.read(id)
    assert (shown["read_count"], shown["delivered_count"], shown["failed_count"]) == (2, 1, 1)
    stats = (await shop.tenant().get(f"{ROWS}stats/", params={"broadcast": id})).ok()
    assert stats["ui_status_breakdown"] == {"pending": 0, "sending": 0, "sent": 4, "failed": 1}


async def test_who_opted_out_is_not_sent_to_and_their_row_says_why(shop: Shop) -> None:
    await shop.people(2)
    await shop.people(1, 2000, dnc=True)
    await shop.people(1, 2100, opt_outs={"WHATSAPP": "2026-01-01T00:00:00.000Z"})
    id = await shop.begin()
    ended = await shop.reaches(id, "PARTIALLY_SENT")
    assert (ended["blocked_count"], ended["sent_count"]) == (2, 2)
    reasons = {row["error_code"] for row in await shop.rows(id) if row["status"] == "BLOCKED"}
    assert reasons == {"contact.dnc", "contact.opt_out"}
    assert len(shop.reached()) == 2


async def test_an_answer_that_never_came_is_unknown_and_only_asked_again_by_name(shop: Shop) -> None:
    await shop.people(3)
    shop.server.next.append(Behaviour(reset=True))
    id = await shop.begin()
    ended = await shop.reaches(id, "PARTIALLY_SENT")
    assert ended["unknown_count"] == 1
    (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "failed"})).refused(400, "invalid_state")
    assert set(shop.reached().values()) == {1}
    told = (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "unknown"}, params={"dry_run": "1"})).ok()
    assert (told["unknown"], told["total"]) == (1, 1)
    told = (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "unknown"})).ok(202)
    assert (told["unknown"], told["total"]) == (1, 1)
    await shop.reaches(id, "SENT")
    assert sorted(shop.reached().values()) == [1, 1, 2], "named, it was asked for again"


async def test_a_report_settles_what_was_unknown(shop: Shop) -> None:
    await shop.people(1)
    shop.server.next.append(Behaviour(reset=True))
    id = await shop.begin()
    await shop.reaches(id, "PARTIALLY_SENT")
    row = (await shop.rows(id))[0]
    assert (row["status"], row["error_code"]) == ("UNKNOWN", "unknown")
    await shop.report([row["message"]], "delivered")
    assert (await shop.rows(id))[0]["status"] == "DELIVERED"


async def test_a_refusal_fails_its_own_recipient_alone(shop: Shop) -> None:
    await shop.people(4)
    shop.server.next.append(refusal(400, 131026))
    id = await shop.begin()
    ended = await shop.reaches(id, "PARTIALLY_SENT")
    assert (ended["failed_count"], ended["sent_count"]) == (1, 3)
    told = (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "failed"})).ok(202)
    assert told["failed"] == 1
    await shop.reaches(id, "SENT")
    assert set(shop.reached().values()) == {1}


async def test_who_was_removed_since_skips_nobody_else(shop: Shop) -> None:
    people = await shop.people(505)
    made = (await shop.write(select_all=False, recipients=people)).ok(201)
    (await shop.tenant().delete(f"/contacts/{people[7]}/")).ok(204)
    await shop.due(made["id"])
    ended = await shop.reaches(made["id"], "SENT")
    assert ended["success_count"] == 504


async def test_two_spellings_of_a_number_are_one_recipient(shop: Shop) -> None:
    await shop.people(1, phone="+5215512345678", first_name="Ana")
    await shop.people(1, phone="+525512345678", first_name="Ana")
    id = await shop.begin()
    await shop.reaches(id, "SENT")
    assert len(await shop.rows(id)) == 1
    assert sum(shop.reached().values()) == 1


async def test_a_cancelled_broadcast_asks_for_nobody_more(shop: Shop) -> None:
    await shop.people(600)
    shop.server.next.extend(Behaviour(delay_s=0.5) for _ in range(600))
    id = await shop.begin()

    async def some() -> bool:
        return len(shop.server.asked) > 10

    await until(some)
    told = (await shop.tenant("manager").post(f"{BROADCASTS}{id}/cancel/", {"reason": "A mistake."})).ok()
    await shop.reaches(id, "CANCELLED")

    async def quiet() -> bool:
        row = await shop.store.get("broadcasts", id)
        claimed = await shop.store.few("broadcast_rows", {"broadcast": id, "status": "SENDING"}, 5)
        return "due" not in row and claimed == 0

    await until(quiet)
    asked = len(shop.server.asked)
    assert asked < 600
    assert told["messages_cancelled"] <= 600 - 10
    assert set(shop.reached().values()) == {1}
    (await shop.tenant().post(f"{BROADCASTS}{id}/cancel/", {})).refused(400, "invalid_state")
    # Queued again, it goes to those alone who were not sent to.
    (await shop.tenant().patch(f"{BROADCASTS}{id}/", {"status": "QUEUED", "scheduled_time": None})).ok()
    shop.server.next.clear()
    await shop.due(id)
    await shop.reaches(id, "SENT")
    assert (len(shop.reached()), set(shop.reached().values())) == (600, {1})


async def test_what_is_due_long_ago_is_not_sent_without_being_asked(shop: Shop) -> None:
    await shop.people(2)
    id = str((await shop.write()).ok(201)["id"])
    late = shop.gateway.services.clock() - timedelta(hours=2, minutes=1)
    await shop.store.change("broadcasts", id, lambda _: Change(set={"scheduled_time": late, "due.at": late}))
    shop.gateway.ports.worker.run_now("broadcasts", shop.store.scope, id)
    missed = await shop.reaches(id, "MISSED")
    assert "two hours" in missed["reason_for_cancellation"]
    events = [event["type"] for event in await shop.tenant().events() if event["type"].startswith("broadcast.")]
    assert events[-1] == "broadcast.missed"
    assert not shop.server.asked
    told = (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "pending"})).ok(202)
    assert told["total"] == 2
    await shop.reaches(id, "SENT")
    assert set(shop.reached().values()) == {1}


async def test_credentials_that_are_refused_pause_it_and_fail_nobody(shop: Shop) -> None:
    await shop.people(8)
    shop.server.access_token = "another"
    id = await shop.begin()
    paused = await shop.reaches(id, "PAUSED", "FAILED")
    assert (paused["status"], paused["failed_count"]) == ("PAUSED", 0)
    assert "refuses the account" in paused["reason_for_cancellation"]


async def test_quiet_hours_wait_in_each_ones_own_time(shop: Shop) -> None:
    now = shop.gateway.services.clock()
    hour = now.hour
    await shop.people(1, attributes={"timezone": "UTC"})
    id = await shop.begin(allowed_hours_local={"start": f"{(hour + 2) % 24:02}:00", "end": f"{(hour + 3) % 24:02}:00"})

    async def waits() -> bool:
        rows = await shop.rows(id)
        return bool(rows) and rows[0]["error_code"] == "broadcast.allowed_hours_local"

    await until(waits)
    assert (await shop.read(id))["status"] == "SENDING"
    assert not shop.server.asked


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"select_all": False}, "recipients"),
        ({"recipients": ["cnt_" + "0" * 26], "select_all": False}, "recipients"),
        ({"select_all": False, "tag_filter": ["vip"], "recipients": []}, "recipients"),
        ({"tag_filter": ["nobody has it"]}, "recipients"),
        ({"template_number": None}, "template_number"),
        ({"template_number": "tpl_" + "0" * 26}, "template"),
        ({"scheduled_time": "2020-01-01T00:00:00Z"}, "scheduled_time"),
        ({"name": ""}, "name"),
        ({"status": "SENT"}, "status"),
        ({"platform": "FAX"}, "platform"),
        ({"allowed_hours_local": {"start": "25:00", "end": "08:00"}}, "allowed_hours_local.start"),
        ({"app": "wap_" + "0" * 26}, "app"),
    ],
)
async def test_what_cannot_be_sent_is_refused_and_not_kept(shop: Shop, fields: dict[str, Any], field: str) -> None:
    await shop.people(1)
    detail = (await shop.write(**fields)).refused(400, "validation_error")
    assert list(detail) == [field]
    assert (await shop.tenant().get(BROADCASTS)).ok()["count"] == 0


async def test_drafts_edits_and_roles(shop: Shop) -> None:
    await shop.people(1)
    (await shop.tenant("viewer").post(BROADCASTS, {"name": "x"})).refused(403, "permission_denied")
    id = (await shop.write(status="DRAFT", select_all=False)).ok(201)["id"]
    (await shop.tenant().post(f"{BROADCASTS}{id}/cancel/", {})).refused(400, "invalid_state")
    (await shop.tenant().patch(f"{BROADCASTS}{id}/", {"status": "QUEUED"})).refused(400, "validation_error")
    changed = (await shop.tenant().patch(f"{BROADCASTS}{id}/", {"name": "Autumn", "select_all": True})).ok()
    assert (changed["name"], changed["status"]) == ("Autumn", "DRAFT")
    queued = (await shop.tenant().patch(f"{BROADCASTS}{id}/", {"status": "QUEUED"})).ok()
    assert (queued["status"], queued["recipient_count"]) == ("SCHEDULED", 1)
    drafted = (await shop.tenant().patch(f"{BROADCASTS}{id}/", {"status": "DRAFT"})).ok()
    assert drafted["status"] == "DRAFT"
    assert "due" not in await shop.store.get("broadcasts", id)
    listed = (await shop.tenant("viewer").get("/wa/v1/broadcast/")).ok()
    assert [row["id"] for row in listed["results"]] == [id]
    assert (await shop.tenant().get("/sms/v1/broadcast/")).ok()["count"] == 0
    (await shop.tenant().get(f"/sms/v1/broadcast/{id}/")).refused(404, "not_found")
    preview = await shop.tenant().post(
        BROADCASTS, {"name": "Sale", "template_number": shop.template, "select_all": True}, params={"dry_run": "1"}
    )
    assert (preview.ok()["recipient_count"], preview.ok()["dry_run"]) == (1, True)
    assert preview.ok()["verdicts"] == {"looked_at": 1, "now": 1, "later": 0, "never": {}}
    assert (await shop.tenant().get(BROADCASTS)).ok()["count"] == 1


async def test_results_are_safe_to_open_in_a_spreadsheet(shop: Shop) -> None:
    await shop.people(1, first_name='=HYPERLINK("http://x")')
    id = await shop.begin()
    await shop.reaches(id, "SENT")
    answer = await shop.tenant().get(f"{BROADCASTS}{id}/results/")
    lines = answer.ok().decode().splitlines()
    assert lines[0].startswith("contact,contact_name,contact_phone,status")
    assert "'=HYPERLINK" in lines[1]
    assert "+12025501000" in lines[1]


async def test_a_carrier_that_is_hurried_is_waited_for_and_nobody_fails(shop: Shop) -> None:
    await shop.people(30)
    shop.server.next.extend(refusal(429, 130429, retry_after="1") for _ in range(5))
    id = await shop.begin()
    ended = await shop.reaches(id, "SENT")
    assert (ended["sent_count"], ended["failed_count"]) == (30, 0)
    assert set(shop.reached().values()) == {1}


async def test_progress_is_told_and_another_tenant_hears_nothing(shop: Shop, new_tenant: Any) -> None:
    await shop.people(3)
    other = await new_tenant()
    id = await shop.begin()
    await shop.reaches(id, "SENT")
    told = [event["type"] for event in await shop.tenant().events() if event["type"].startswith("broadcast.")]
    assert told[:2] == ["broadcast.created", "broadcast.started"]
    assert told[-1] == "broadcast.completed"
    assert not [event for event in await other().events() if event["type"].startswith("broadcast.")]
    (await other().get(f"{BROADCASTS}{id}/")).refused(404, "not_found")
    assert (await other().get(ROWS)).ok()["count"] == 0
    detail = (await other().post(BROADCASTS, {"name": "x", "recipients": [(await shop.rows(id))[0]["contact"]]}))
    assert list(detail.refused(400, "validation_error")) == ["recipients"]


async def test_the_dashboard_counts_what_became_of_people(shop: Shop) -> None:
    await shop.people(4)
    await shop.people(1, 2000, dnc=True)
    shop.server.next.append(refusal(400, 131026))
    id = await shop.begin()
    await shop.reaches(id, "PARTIALLY_SENT")
    sent = [row["message"] for row in await shop.rows(id) if row["status"] == "SENT"]
    await shop.report(sent[:2], "delivered")
    await shop.report(sent[:1], "read")
    told = (await shop.tenant("viewer").get("/broadcast/dashboard/", params={"period": "24h"})).ok()
    assert (told["total_broadcasts"], told["total_sent"], told["total_reach"]) == (1, 4, 2)
    assert (told["read"], told["failed"], told["blocked"]) == (1, 1, 1)
    assert (told["delivery_rate"], told["read_rate"], told["engagement_rate"]) == (50.0, 25.0, 50.0)
    assert told["comparison"]["reach_change_percent"] is None
    assert told["by_channel"]["whatsapp"]["total_sent"] == told["by_day"][-1]["total_sent"] == 4
    empty = (await shop.tenant().get("/broadcast/dashboard/stats/", params={"channel": "sms"})).ok()
    assert (empty["total_sent"], empty["delivery_rate"], empty["period"]) == (0, None, "7d")
    (await shop.tenant().get("/broadcast/dashboard/", params={"channel": "fax"})).refused(400, "validation_error")


async def test_who_writes_back_within_three_days_is_a_reply(shop: Shop) -> None:
    people = await shop.people(3)
    id = await shop.begin()
    await shop.reaches(id, "SENT")
    rows = {row["contact"]: row for row in await shop.rows(id)}
    late = rows[people[1]]
    past = shop.gateway.services.clock() - timedelta(hours=73)
    await shop.store.change("broadcast_rows", late["id"], lambda _: Change(set={"sent_at": past}))
    for place in (0, 0, 1):
        body = shop.server.text(rows[people[place]]["contact_phone"], "yes")
        answer = await shop.tenant.anonymous.ask(
            "POST", shop.tenant.whatsapp["webhook_path"], body, headers=shop.server.signed(body)
        )
        answer.ok()

    async def noted() -> bool:
        return {row["contact"] for row in await shop.rows(id) if row["replied_at"]} == {people[0]}

    await until(noted)
    told = (await shop.tenant().get("/broadcast/dashboard/", params={"channel": "whatsapp"})).ok()
    assert (told["replied"], told["reply_rate"], told["by_channel"]["whatsapp"]["replied"]) == (1, 33.3, 1)
