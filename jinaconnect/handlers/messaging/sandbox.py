"""`/sandbox/`: a simulated customer writes, calls, and presses keys in a call."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, StringConstraints

from jinaconnect.actions.calls.reading import controllable_call
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.messaging.sandbox import customer_writes, in_chaos, set_chaos
from jinaconnect.channels.table import SIMULATED
from jinaconnect.core.errors import Invalid, PermissionDenied
from jinaconnect.core.inbox.address import PHONE
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.schema import Answer, Id, Name, OneOf, Phone, Request, Text, e164, example, scalar
from jinaconnect.handlers.edge.operation import operation

VOICE = "voice"

Caller = Annotated[Text, BeforeValidator(scalar), StringConstraints(min_length=1, max_length=64)]


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class CustomerWrites(
    Request,
    json_schema_extra=example(
        **{"channel": "whatsapp", "from": "+12025550111", "name": "Ann Lee", "text": "Do you have it in blue?"}
    ),
):
    """What a simulated customer does: writes (exactly one of `text`, `media_url`, `keys`), or calls `to`.

    `from` is a phone number, or what the channel names people by instead (a chat id). They write to the sandbox's
    first app of the channel unless `app` names another: it has one of each provider. A caller presses `keys` one a
    second once answered; `w` waits half a second, `h` at the end hangs up.
    """

    channel: Annotated[str, OneOf((*SIMULATED, VOICE)), BeforeValidator(_lower)] = SIMULATED[0]
    app: Id | None = None
    to: Phone | None = None
    sender: Caller = Field(validation_alias=AliasChoices("from", "sender"))
    name: Name = ""
    text: Annotated[Text, StringConstraints(min_length=1, max_length=4096)] | None = None
    media_url: Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://")] | None = None
    keys: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None


def _sender(body: CustomerWrites) -> str:
    """Return who it is: a number as E.164 where people have numbers; raises Invalid."""
    if PLATFORMS[body.channel.upper()].addresses[0] != PHONE:
        return body.sender
    try:
        return e164(body.sender)
    except ValueError as error:
        raise Invalid.field("from", str(error)) from error


class Written(Answer):
    """The simulated carrier's id of the message, or the call's id (null with status `rejected`)."""

    status: str
    message_id: str | None = None
    call_id: str | None = None


@operation(
    "POST",
    "/sandbox/inbound/",
    id="sandbox.inbound",
    permission="inbox.reply",
    body=CustomerWrites,
    returns=Written,
    status=201,
    effect=True,
)
async def inbound(ctx: OperationContext, body: CustomerWrites) -> dict[str, Any]:
    """Make a simulated customer write or call; needs a `jc_test_` key.

    A message comes through the real webhook door, signed, in the carrier's format; a call is routed like any other.
    """
    _sandbox_only(ctx)
    sender = _sender(body)
    if body.channel == VOICE:
        scope, keys = ctx.data.scope, body.keys or ""
        hosted = await ctx.ports.voice_hooks.sandbox_call(scope, body.to, sender, keys)
        call = hosted[0] if hosted else await ctx.ports.switches.sandbox_call(scope, body.to, sender, keys)
        return {"status": "rejected" if call is None else "accepted", "call_id": call}
    given = [part for part in (body.text, body.media_url, body.keys) if part is not None]
    if len(given) != 1:
        raise Invalid.field("text", "exactly one of text, media_url and keys is needed")
    text, platform = body.text or body.keys, body.channel.upper()
    return await customer_writes(ctx, platform, sender, body.name, text, body.media_url, body.app)


class CustomerActs(Request, json_schema_extra=example(keys="1")):
    """What a simulated customer does in a call: presses keys, one a second; `w` waits half a second, `h` hangs up."""

    keys: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9*#w]*h?$")]


@operation(
    "POST", "/sandbox/calls/{id}/", id="sandbox.call", permission="voice.control", body=CustomerActs,
    returns=Written, status=202, effect=True, errors=(409, 501),
)  # fmt: skip
async def in_call(ctx: OperationContext, id: str, body: CustomerActs) -> dict[str, Any]:
    """Have the customer of a live call press keys or hang up; needs a `jc_test_` key, and the sandbox's own trunk."""
    _sandbox_only(ctx)
    doc = await controllable_call(ctx, id)
    order = ctx.ports.calls.carrying(doc).order
    await order(doc, "customer", {"keys": body.keys}, ctx.principal.actor(), ctx.ids.new("ord"))
    return {"status": "accepted", "call_id": doc["_id"]}


class Chaos(Request, json_schema_extra=example(on=True)):
    """Whether simulated carriers reorder, repeat, delay and lose their reports."""

    on: bool


class ChaosOut(Answer, json_schema_extra=example(on=True)):
    """Whether simulated carriers reorder, repeat, delay and lose their reports."""

    on: bool


def _sandbox_only(ctx: OperationContext) -> None:
    if ctx.principal.mode != "test":
        raise PermissionDenied("The sandbox needs a test key (jc_test_…).")


@operation("GET", "/sandbox/chaos/", id="sandbox.chaos.read", permission="wa_app.view", returns=ChaosOut)
async def read_chaos(ctx: OperationContext) -> dict[str, Any]:
    """Tell whether the sandbox's simulated carriers are in chaos."""
    return {"on": await in_chaos(ctx)}


@operation(
    "PUT", "/sandbox/chaos/", id="sandbox.chaos.change", permission="wa_app.manage", body=Chaos, returns=ChaosOut,
    effect=True,
)  # fmt: skip
async def change_chaos(ctx: OperationContext, body: Chaos) -> dict[str, Any]:
    """Put all simulated carriers in chaos, or out of it; needs a `jc_test_` key.

    In chaos they post reports in any order, some twice or three times, some late and some never, and what a customer
    writes up to three times. What comes of it is the same as ever: no state goes back, nothing is there twice.
    """
    _sandbox_only(ctx)
    return {"on": await set_chaos(ctx, body.on)}
