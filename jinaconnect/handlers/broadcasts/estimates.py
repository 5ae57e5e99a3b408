"""What a broadcast would cost and whether its account's tier takes it, on platforms whose carriers give tiers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from jinaconnect.actions.broadcasts import estimating, quotas
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.messaging.templates import get_template
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.schema import Answer, Id, Moment, Request, example, sample_id
from jinaconnect.handlers.edge.operation import Reply, operation


class QuotaAsked(Request, json_schema_extra=example(wa_app_id=sample_id("wap"))):
    """Whose quota, and around which time; now unless told."""

    wa_app_id: Id | None = None
    at: Moment | None = Field(None, validation_alias=AliasChoices("datetime", "start_date"))


class PreflightAsked(QuotaAsked, json_schema_extra=example(recipient_count=500)):
    """How many people are to be written to."""

    recipient_count: Annotated[int, Field(ge=0, le=10_000_000)]


class BreakdownAsked(Request, json_schema_extra=example(contact_ids=[sample_id("cnt")], template_id=sample_id("tpl"))):
    """Whom to write to (exactly one of `contact_ids` and `broadcast_id`), and with what."""

    contact_ids: Annotated[list[Id], Field(max_length=estimating.MOST_NAMED)] | None = None
    broadcast_id: Id | None = None
    template_id: Id | None = None
    wa_app_id: Id | None = None


class QuotaPart(Answer):
    """What is left of a tier; one without an end has no number."""

    tier: int | None
    used_quota: int
    remaining_quota: int | None
    is_unlimited: bool


class QuotaOut(QuotaPart):
    """What is left of a tier, and to pay with; the balance is for those who keep it."""

    balance: dict[str, Any]


class Hint(Answer):
    """What stands against a broadcast, or is to be seen to."""

    type: Literal["QUOTA_EXCEEDED", "INSUFFICIENT_BALANCE", "QUOTA_APPROACHING_LIMIT", "LOW_BALANCE"]
    message: str


class PreflightOut(Answer):
    """Whether a broadcast could be sent."""

    can_proceed: bool
    errors: list[Hint]
    warnings: list[Hint]
    quota: QuotaPart
    balance: dict[str, Any]


class BreakdownOut(Answer):
    """What a broadcast would cost, by country; amounts are decimal numbers with six places."""

    contact_summary: dict[str, int]
    country_breakdown: list[dict[str, Any]]
    summary: dict[str, Any]
    quota_impact: dict[str, Any]
    notes: list[str]
    balance: dict[str, Any]


class BreakdownLater(
    Answer,
    json_schema_extra=example(status="processing", task_id=sample_id("brk"), message="It is being made."),
):  # fmt: skip
    """A breakdown that is being made; `charge-breakdown-status/` has it for five minutes."""

    status: Literal["processing"] = "processing"
    task_id: str
    message: str = "It is being made."


class BreakdownTask(Request, json_schema_extra=example(task_id=sample_id("brk"))):
    """Which breakdown."""

    task_id: Id


def _declare(platform: str, base: str) -> None:
    short = base.split("/")[1]

    def doing(
        path: str, name: str, permission: str, **rest: Any
    ) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
        return operation(
            "POST", f"{base}/broadcast/{path}/", id=f"{short}.broadcasts.{name}", permission=f"broadcast.{permission}",
            tag="broadcasts", **rest,
        )  # fmt: skip

    @doing("get_sending_quota", "quota", "view", body=QuotaAsked, returns=QuotaOut)
    async def quota(ctx: OperationContext, body: QuotaAsked) -> dict[str, Any]:
        """Tell how many more people an account may write to first in a day, by the tier its carrier gave it."""
        left = await quotas.quota(ctx, platform, body.wa_app_id, body.at)
        return {**left.rendered(), "balance": await estimating.balance(ctx)}

    @doing("preflight-check", "preflight", "create", body=PreflightAsked, returns=PreflightOut)
    async def preflight(ctx: OperationContext, body: PreflightAsked) -> dict[str, Any]:
        """Tell whether so many new people could be written to, and what stands against it."""
        return await estimating.preflight(ctx, platform, body.wa_app_id, body.recipient_count, body.at)

    made = {"returns": BreakdownOut, "later": BreakdownLater}

    @doing("get_charge_breakdown", "breakdown", "charge_breakdown", body=BreakdownAsked, **made)
    async def breakdown(ctx: OperationContext, body: BreakdownAsked) -> dict[str, Any] | Reply:
        """Tell what writing to contacts, or to a broadcast's audience, would cost by country.

        Of more than a thousand, and 200,000 at most, it is made in the background.
        """
        category = "MARKETING"
        if body.template_id is not None:
            category = (await get_template(ctx, platform, body.template_id))["category"]
        told = await estimating.charge_breakdown(
            ctx, estimating.Basis(platform, body.wa_app_id, body.contact_ids, body.broadcast_id, category)
        )
        return _later(told) if isinstance(told, str) else told

    @doing("charge-breakdown-status", "breakdown_status", "charge_breakdown", body=BreakdownTask, **made)
    async def status(ctx: OperationContext, body: BreakdownTask) -> dict[str, Any] | Reply:
        """Show a breakdown that was made in the background."""
        told = await estimating.made_breakdown(ctx, body.task_id)
        return _later(body.task_id) if told is None else told


def _later(task: str) -> Reply:
    return Reply(BreakdownLater(task_id=task).model_dump(), 202)


for _name, _platform in PLATFORMS.items():
    if _platform.base is not None and _platform.window is not None:
        _declare(_name, _platform.base)
