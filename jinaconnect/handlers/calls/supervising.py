"""`/voice/api/calls/{id}/supervise/`: listening to a live call, whispering to its agent, barging in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from jinaconnect.actions.calls import supervising
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.core.calls.consent import SUPERVISION
from jinaconnect.core.calls.supervision import HEARERS, MODES
from jinaconnect.core.schema import Answer, Id, OneOf, Request, example, sample_id
from jinaconnect.handlers.calls.operation import voice_operation


class Supervise(Request, json_schema_extra=example(mode="listen")):
    """How the supervisor is heard: by nobody, by the agent, by both.

    With `supervision` the one who is there is heard so from now on, or sent away (`end`).
    """

    mode: Annotated[str, OneOf((*MODES, supervising.END))]
    supervision: Id | None = None


class SupervisionRule(Answer):
    """What the organisation says of listening to a call, to be read before; `reason` says why it is allowed or not."""

    call: str
    rule: Annotated[str, OneOf(SUPERVISION)]
    notice: str
    allowed: bool
    reason: Literal["not_required", "given", "no_contact", "no_consent", "withheld", "forbidden"]
    running: int


class SupervisionOut(
    Answer,
    json_schema_extra=example(
        id=sample_id("sup"), user=sample_id("usr"), mode="listen", heard_by="nobody", call=sample_id("call"),
        ticket="wst_3mZq8Yb1LxN0vTg7", expires_in=60,
    ),
):  # fmt: skip
    """A supervisor in a call; one who has just begun hears it at `/ws/sound/?ticket=`."""

    id: str
    user: str | None
    mode: Annotated[str, OneOf(MODES)]
    heard_by: Annotated[str, OneOf(HEARERS)]
    call: str
    ticket: str | None
    expires_in: int | None


@voice_operation(
    "GET", "calls/{id}/supervise/", id="calls.supervision_rule", permission=supervising.PERMISSION,
    returns=SupervisionRule, errors=(409,),
)  # fmt: skip
async def read_rule(ctx: Context, id: str) -> dict[str, Any]:
    """Show what the organisation says of listening to a live call; 409 `unsupported` where it cannot be heard."""
    return await supervising.read_rule(ctx, id)


@voice_operation(
    "POST", "calls/{id}/supervise/", id="calls.supervise", permission=supervising.PERMISSION, body=Supervise,
    returns=SupervisionOut, effect=True, errors=(409,), socket=False,
)  # fmt: skip
async def supervise(ctx: OperationContext, id: str, body: Supervise) -> dict[str, Any]:
    """Listen to a live call, whisper to its agent or barge in; change that, or end it.

    Answers a single-use ticket for the sound of the call. Everybody is heard in every mode; `heard_by` says who hears
    the supervisor. 403 `supervision_forbidden` or 409 `consent_required` where the organisation's rule says no.
    """
    return await supervising.supervise(ctx, id, body.mode, body.supervision)
