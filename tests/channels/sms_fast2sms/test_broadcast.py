"""A broadcast whose texts the operators refuse says why, in words and in numbers."""

from __future__ import annotations

from typing import Any

from tests.channels.indian import Indian
from tests.channels.sms_fast2sms.test_webhooks import report
from tests.client import until

WORDS = {"633": "the registered one", "603": "black list"}


async def test_why_the_operators_refuse_stands_in_the_report(sms: Indian) -> None:
    client = sms.tenant()
    for place in range(4):
        (await client.post("/contacts/", {"phone": f"+91987654330{place}", "first_name": "Ann"})).ok(201)
    body = {
        "name": "Sale", "status": "QUEUED", "template_number": sms.template["id"], "select_all": True,
        "placeholder_data": {"1": "Ann", "2": "47"}, "category": "UTILITY",
    }  # fmt: skip
    id = (await client.post("/sms/v1/broadcast/", body)).ok(201)["id"]

    async def sent() -> list[dict[str, Any]] | None:
        rows = (await client.get("/broadcast/messages/", params={"broadcast": id})).ok()["results"]
        return rows if len(rows) == 4 and all(row["status"] == "SENT" for row in rows) else None

    rows = await until(sent, 30)
    for row, told in zip(rows, ("DLT scrubbing failed 633", "REJECTED 633", "603", "Delivered"), strict=True):
        status = "Delivered" if told == "Delivered" else "Rejected"
        (await sms.posts(sms.app["dlr_webhook_url"], told=report(sms, row["message"], status, told))).ok()

    async def counted() -> dict[str, Any] | None:
        found: dict[str, Any] = (await client.get("/broadcast/messages/stats/", params={"broadcast": id})).ok()
        return found if found["status_breakdown"]["failed"] == 3 else None

    failures = (await until(counted))["failures"]
    assert [(each["error_code"], each["count"]) for each in failures] == [("633", 2), ("603", 1)]
    for each in failures:
        assert WORDS[each["error_code"]] in each["reason"]
        assert "To act: " in each["reason"]
    row = (await client.get(f"/broadcast/messages/{rows[0]['id']}/")).ok()
    assert (row["error_code"], WORDS["633"] in row["response"]) == ("633", True)
    assert WORDS["633"] in (await sms.shown(rows[0]["message"]))["error_message"]
    csv = (await client.get(f"/broadcast/{id}/results/")).body.decode()
    assert csv.count(WORDS["633"]) == 2
