"""Supervisors in calls that go on: what the organisation's rule says, the order to the call, a ticket to its sound."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.calls.consents import consent_of
from jinaconnect.actions.calls.reading import visible_call
from jinaconnect.actions.context import Context, OperationContext, Services
from jinaconnect.actions.ports import Unsupported
from jinaconnect.actions.trunks.voice_app import DEFAULTS, voice_app
from jinaconnect.core.calls import document
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.consent import FORBIDDEN, WITH_CONSENT, Decision, supervision_allowed
from jinaconnect.core.calls.supervision import key_place
from jinaconnect.core.errors import Conflict, Invalid, NotAuthenticated, PermissionDenied
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import TenantStore
from jinaconnect.telephony.table import row, switch_kind

PERMISSION = "voice.supervise"
DOOR = "sound"  # where its tickets are good
END = "end"
_SEALED = "tickets/sound"


async def _call(ctx: Context, id: str) -> Document:
    """Return the call whose parties are heard: a second leg's is the one it belongs to."""
    doc = await visible_call(ctx, id)
    host = plans.host_of(doc)
    return doc if host is None else await visible_call(ctx, host)


async def decided(store: TenantStore, contact: str | None) -> tuple[Document, Decision]:
    """Return the tenant's voice app, and what it says now of listening to a call with a contact."""
    app = {**DEFAULTS, **await voice_app(store)}
    given = await consent_of(store, contact) if app["supervision"] == WITH_CONSENT else None
    return app, supervision_allowed(rule=app["supervision"], contact=contact, consent_given=given)


def _check_carrier(doc: Document) -> None:
    """Raise Unsupported, naming the provider, for a call whose sound does not come by us."""
    if doc.get("hosted"):
        raise Unsupported(f"A call over {row(doc['hosted']['provider']).spec.label} cannot be listened to.")
    if not switch_kind(doc["carried_by"]).sound:
        raise Unsupported("A simulated call has no sound that could be listened to.")


async def read_rule(ctx: Context, id: str) -> dict[str, Any]:
    """Answer what the organisation says of listening to a call, and whether it may be; raises Unsupported."""
    doc = await _call(ctx, id)
    _check_carrier(doc)
    app, decision = await decided(ctx.data, doc["contact"])
    return {
        "call": doc["_id"], "rule": app["supervision"], "notice": app["supervision_notice"],
        "allowed": decision.allowed, "reason": decision.reason,
        "running": len(doc.get("supervisions") or ()),
    }  # fmt: skip


async def supervise(ctx: OperationContext, id: str, mode: str, supervision: str | None) -> dict[str, Any]:
    """Begin to supervise a call, have a supervisor be heard by others, or send one away.

    Raises Unsupported, Conflict, PermissionDenied where the organisation forbids it, Throttled, Unavailable.
    """
    doc = await _call(ctx, id)
    if document.ended(doc):
        raise Conflict("The call has ended.", code="invalid_state")
    _check_carrier(doc)
    if mode == END:
        if supervision is None:
            raise Invalid.field("supervision", "which one is to end?")
        return _shown(doc, (await _order(ctx, doc, "unsupervise", supervision=supervision))["supervision"])
    await _check_rule(ctx, doc)
    if supervision is not None:
        answer = await _order(ctx, doc, "supervise-as", supervision=supervision, mode=mode)
        return _shown(doc, answer["supervision"])
    wanted = ctx.ids.new("sup")
    answer = await _order(ctx, doc, "supervise", supervision=wanted, mode=mode, user=ctx.principal.user_id)
    secrets = ctx.services.secrets
    ticket = {
        "token": ctx.caller.headers["Authorization"].partition(" ")[2].strip(), "call": doc["_id"],
        "supervision": wanted, "switch": doc["carried_by"],
        "key": secrets.open(bytes.fromhex(answer["key"]), key_place(wanted)),
    }  # fmt: skip
    sealed = secrets.seal(ticket, _SEALED).hex()
    given, seconds = await ctx.services.tickets.issue(sealed, ctx.principal.expires_at, DOOR)
    return _shown(doc, answer["supervision"], ticket=given, expires_in=seconds)


async def redeemed(services: Services, ticket: str) -> dict[str, str]:
    """Return what a ticket stands for, and end it; raises NotAuthenticated when it does not hold."""
    sealed = await services.tickets.redeem(ticket, DOOR)
    if sealed is None:
        raise NotAuthenticated("The ticket is unknown, used or late.")
    held: dict[str, str] = services.secrets.open(bytes.fromhex(sealed), _SEALED)
    return held


async def _check_rule(ctx: Context, doc: Document) -> None:
    _, decision = await decided(ctx.data, doc["contact"])
    if decision.reason == FORBIDDEN:
        raise PermissionDenied("The organisation forbids listening to live calls.", code="supervision_forbidden")
    if not decision.allowed:
        raise Conflict("The contact has not consented to being heard.", code="consent_required")


async def _order(ctx: OperationContext, doc: Document, action: str, **body: Any) -> dict[str, Any]:
    control = ctx.ports.calls.carrying(doc)
    return await control.order(doc, action, body, ctx.principal.actor(), ctx.ids.new("ord"))


def _shown(doc: Document, told: dict[str, Any], **more: Any) -> dict[str, Any]:
    shown = {"id": told["supervision"], **{name: told[name] for name in ("user", "mode", "heard_by")}}
    return {**shown, "call": doc["_id"], "ticket": None, "expires_in": None, **more}
