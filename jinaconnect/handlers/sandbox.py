"""`/sandbox/`: a simulated customer writes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.sandbox import customer_writes
from jinaconnect.core.errors import Invalid, PermissionDenied
from jinaconnect.core.schema import Answer, Name, Phone, Request, Text
from jinaconnect.handlers.operation import operation


class CustomerWrites(Request):
    """What a simulated customer does; exactly one of `text`, `media_url` and `keys`."""

    channel: Literal["whatsapp", "WHATSAPP"] = "whatsapp"
    sender: Phone = Field(validation_alias=AliasChoices("from", "sender"))
    name: Name = ""
    text: Annotated[Text, StringConstraints(min_length=1, max_length=4096)] | None = None
    media_url: Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://")] | None = None
    keys: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None


class Written(Answer):
    """The simulated carrier's id of the message."""

    status: str
    message_id: str


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
async def inbound(ctx: Context, body: CustomerWrites) -> dict[str, Any]:
    """Make a simulated customer write; needs a `jc_test_` key.

    The message comes through the real webhook door, signed, in the carrier's format.
    """
    if ctx.principal.mode != "test":
        raise PermissionDenied("The sandbox needs a test key (jc_test_…).")
    given = [part for part in (body.text, body.media_url, body.keys) if part is not None]
    if len(given) != 1:
        raise Invalid.field("text", "exactly one of text, media_url and keys is needed")
    return await customer_writes(ctx, body.sender, body.name, body.text or body.keys, body.media_url)
