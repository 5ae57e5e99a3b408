"""What became of a broadcast's calls: by outcome, time and cost, and which keys were pressed."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.broadcasts.call_figures import call_report
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.schema import Answer, example, sample_id
from jinaconnect.handlers.edge.operation import operation


class CallsCost(Answer, json_schema_extra=example(currency="USD", amount=1.25)):
    """What calls have cost in a currency."""

    currency: str
    amount: float


_CALLS = {
    "calls": 12, "live": 1, "answered": 6, "machine": 1, "busy": 2, "no_answer": 1, "failed": 1, "canceled": 0,
    "unknown": 0, "seconds": 214, "sms_fallbacks": 2, "cost": [{"currency": "USD", "amount": 0.06}],
}  # fmt: skip
_RECIPIENTS = {
    "waiting": 1, "blocked": 1, "answered": 6, "machine": 1, "busy": 1, "no_answer": 1, "failed": 1, "canceled": 0,
    "unknown": 0,
}  # fmt: skip


class CallFigures(Answer, json_schema_extra=example(**_CALLS)):
    """Calls by what became of them; one to whom it was tried again has several. `seconds` are of answered ones."""

    calls: int
    live: int
    answered: int
    machine: int
    busy: int
    no_answer: int
    failed: int
    canceled: int
    unknown: int
    seconds: int
    sms_fallbacks: int
    cost: list[CallsCost]


class KeysCounted(Answer, json_schema_extra=example(node="ask", digits="1", count=4)):
    """How often keys were pressed at a node of the IVR."""

    node: str | None
    digits: str
    count: int


class BroadcastCalls(
    CallFigures,
    json_schema_extra=example(
        **_CALLS, broadcast=sample_id("brc"), recipients=_RECIPIENTS,
        answers=[{"node": "ask", "digits": "1", "count": 4}], count_exact=True,
    ),
):  # fmt: skip
    """What became of a broadcast's calls; of many, the figures may be some seconds old.

    `recipients` are counted by the last call to each; `answers` by what they pressed, the most frequent first.
    """

    broadcast: str
    recipients: dict[str, int]
    answers: list[KeysCounted]
    count_exact: bool


@operation(
    "GET", "/broadcast/{id}/calls/", id="broadcasts.calls", permission="broadcast.view", returns=BroadcastCalls,
    tag="broadcasts",
)  # fmt: skip
async def calls(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Count a broadcast's calls by what became of them, with seconds, cost and the keys that were pressed."""
    return await call_report(ctx, id)
