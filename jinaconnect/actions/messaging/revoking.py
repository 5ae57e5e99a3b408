"""Taking back, at its carrier, a message that was not delivered yet."""

from __future__ import annotations

from jinaconnect.actions.context import OperationContext
from jinaconnect.channels.abilities import Revokes
from jinaconnect.core.errors import CarrierFailed, InvalidState, NotFound, NotSupported
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.message import OUTGOING
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.outbound import OutboundError
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, applied

REVOCABLE = (status.SENT, status.DELIVERED)


async def revoke_message(ctx: OperationContext, message: Document, contact: Document) -> Document:
    """Take a message back and tell of it; raises InvalidState, NotSupported, CarrierFailed."""
    if message["direction"] != OUTGOING or message["status"] not in REVOCABLE or message["carrier_id"] is None:
        raise InvalidState("Only a message that was sent, and not read yet, can be taken back.")
    account = ctx.ports.accounts.open(await ctx.data.get("apps", message["app"]))
    channel = ctx.ports.channels[account.channel]
    to = address_on(contact, message["platform"])
    if to is None:
        raise NotFound()
    if not isinstance(channel, Revokes):
        raise NotSupported("The provider takes no message back.")
    try:
        await channel.revoke(account, to, message["carrier_id"])
    except OutboundError as error:
        raise CarrierFailed(f"The carrier could not be asked: {error}") from error
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change | None:
        if doc.get("revoked_at") is not None:
            return None
        fields = {"revoked_at": ctx.now(), "updated_at": ctx.now()}
        after = applied(doc, fields, (), ())
        event = message_event(
            event_id, "message.updated", after, contact, at=ctx.now(), actor=ctx.principal.actor()
        )  # fmt: skip
        return Change(set=fields, events=[event])

    return ctx.wrote(await ctx.data.change("messages", message["_id"], decide))
