"""Gupshup's webhooks in both their versions, as facts.

Version 3 is the Cloud API's envelope with ids of Gupshup's own beside WhatsApp's. Version 2 has an envelope of
Gupshup's, which is brought into that form, so that one reading serves both; its own object stays with every message.

Source: Gupshup's published pages on inbound messages, message events and system events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jinaconnect.channels.facts import AccountReport, Edit, Fact, Inbound, Reaction, TemplateReport, Unreadable
from jinaconnect.channels.whatsapp.envelope import OBJECT
from jinaconnect.channels.whatsapp.facts import facts_of as cloud_facts
from jinaconnect.channels.whatsapp.templates import REPORTED
from jinaconnect.channels.whatsapp_gupshup.errors import OPTED_OUT, WORDS

KINDS = {
    "message": "MESSAGE", "message-event": "STATUS", "template-event": "TEMPLATE", "account-event": "ACCOUNT",
    "billing-event": "BILLING",
}  # fmt: skip
_KNOWN = (*KINDS, "user-event", "preference-event")
# Of these `submitted` and `deleted` change nothing.
_EVENTS = ("submitted", "enqueued", "sent", "delivered", "read", "failed", "mismatch", "deleted")
_OPTED = {"opted-out": "stop", "opted-in": "resume"}
_MEDIA = {"image": "image", "audio": "audio", "video": "video", "sticker": "sticker", "file": "document"}
_IDS_OF_OURS = ("enqueued", "failed")  # events whose `id` is Gupshup's own, where there is no `gsId`


def facts_of(body: Any, account: str) -> list[Fact]:
    """Return what a webhook of an account tells."""
    body = _part(body)
    if body.get("object") == OBJECT:
        return cloud_facts(body, account)
    payload = _part(body.get("payload"))
    if body.get("type") == "template-event":
        return [_template(account, payload)]
    if body.get("type") == "account-event":
        event = next((payload[name] for name in ("event", "status", "type") if payload.get(name) is not None), None)
        kind = str(payload.get("type") or "account-event")[:64]
        return [AccountReport(account, account, kind, None if event is None else str(event)[:500], payload)]
    if body and body.get("type") not in _KNOWN:
        return [Unreadable(account, f"a webhook of the type '{str(body.get('type'))[:64]}' is not known")]
    if body.get("type") == "message-event" and payload.get("type") not in _EVENTS:
        return [Unreadable(account, f"a message event of the type '{str(payload.get('type'))[:64]}' is not known")]
    return [_with_raw(fact, payload) for fact in cloud_facts(in_clouds_form(body), account)]


def in_clouds_form(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a webhook of version 2 in the Cloud API's envelope, empty where it tells nothing of a message."""
    payload, at = _part(body.get("payload")), body.get("timestamp")
    value: dict[str, Any] = {}
    if body.get("type") == "message":
        sender = _part(payload.get("sender"))
        source = str(payload.get("source") or sender.get("phone") or "")
        value = {
            "contacts": [{"profile": {"name": sender.get("name")}, "wa_id": source}],
            "messages": [_message(payload, source, at)],
        }
    elif body.get("type") == "message-event":
        value = {"statuses": [_status(payload, at)]}
    elif body.get("type") == "user-event" and (told_of := _OPTED.get(str(payload.get("type")))) is not None:
        told = {"wa_id": payload.get("phone"), "value": told_of, "timestamp": at}
        value = {"user_preferences": [told]}
    elif body.get("type") == "preference-event":
        value = {"user_preferences": _part(payload.get("payload")).get("user_preferences")}
    return {"object": OBJECT, "entry": [{"changes": [{"field": "messages", "value": value}]}]}


def _message(payload: Mapping[str, Any], source: str, at: Any) -> dict[str, Any]:
    """Return a message of version 2 as one of `value.messages`."""
    kind, part, context = str(payload.get("type", "")), payload.get("payload"), _part(payload.get("context"))
    kind, part = _content(kind, part if isinstance(part, Mapping) else {}, context)
    named = {name: value for name, value in (("id", context.get("id")), ("gs_id", context.get("gsId"))) if value}
    return {
        "id": payload.get("id"), "from": source, "timestamp": at, "type": kind, kind: part,
        **({"context": named} if named else {}), **{name: payload[name] for name in ("referral",) if name in payload},
    }  # fmt: skip


def _content(kind: str, part: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[str, Any]:
    """Return (type, its object) of a message of version 2, as the Cloud API has them."""
    if part.get("type") == "button" or kind == "quick_reply":
        payload = part.get("postbackText") or part.get("reply") or part.get("id") or ""
        return "button", {"text": part.get("text") or part.get("title") or "", "payload": payload}
    if kind == "text":
        return "text", {"body": part.get("text", "")}
    if kind in _MEDIA:
        told = {"url": part.get("url"), "mime_type": part.get("contentType") or part.get("content-type"),
                "caption": part.get("caption"), "filename": part.get("name")}  # fmt: skip
        return _MEDIA[kind], {name: value for name, value in told.items() if value is not None}
    if kind == "location":
        place = {name: part[name] for name in ("name", "address") if part.get(name)}
        return "location", {**{name: _number(part.get(name)) for name in ("latitude", "longitude")}, **place}
    if kind == "contact":
        return "contacts", part.get("contacts")
    if kind in ("button_reply", "list_reply"):
        id = part.get("postbackText") or part.get("reply") or part.get("id") or ""
        return "interactive", {"type": kind, kind: {"id": id, "title": part.get("title", "")}}
    if kind == "reaction":
        names = ("gsId", "id", "msgId", "message_id")
        target = next((held[name] for held in (part, context) for name in names if held.get(name)), "")
        return "reaction", {"message_id": target, "emoji": part.get("emoji", "")}
    return kind or "unknown", part


def _status(payload: Mapping[str, Any], at: Any) -> dict[str, Any]:
    """Return a message event of version 2 as one of `value.statuses`."""
    kind, part = str(payload.get("type", "")), _part(payload.get("payload"))
    own = payload.get("gsId") or (payload.get("id") if kind in _IDS_OF_OURS else None)
    network = part.get("whatsappMessageId") or (None if payload.get("id") == own else payload.get("id"))
    told: dict[str, Any] = {
        "id": network, "gs_id": own, "status": "failed" if kind == "mismatch" else kind,
        "recipient_id": payload.get("destination"), "timestamp": part.get("ts") or at,
    }  # fmt: skip
    if kind in ("failed", "mismatch"):
        code = part.get("code", "mismatch")
        code = int(code) if isinstance(code, str) and re.fullmatch("[0-9]{1,9}", code) else code
        words = WORDS.get(code) if isinstance(code, int) else None
        title = words or part.get("reason") or "The number is another one at WhatsApp."
        told["errors"] = [{"code": 131050 if code == OPTED_OUT else code, "title": title}]
    if isinstance(payload.get("pricing"), Mapping):
        told["pricing"] = payload["pricing"]
    if isinstance(payload.get("biz_opaque_callback_data"), str):
        told["biz_opaque_callback_data"] = payload["biz_opaque_callback_data"]
    return told


def _template(account: str, payload: Mapping[str, Any]) -> TemplateReport:
    status, reason = str(payload.get("status", "")).upper(), payload.get("rejectedReason") or payload.get("description")
    category = payload.get("category")
    category = _part(category).get("new") if isinstance(category, Mapping) else category
    return TemplateReport(
        account, str(payload.get("id", "")), str(payload.get("elementName", "")), str(payload.get("languageCode", "")),
        REPORTED.get(status), None if reason is None else str(reason)[:500],
        str(category).upper() if payload.get("type") == "category-update" and category else None,
    )  # fmt: skip


def _with_raw(fact: Fact, payload: Mapping[str, Any]) -> Fact:
    """Return a fact whose message keeps Gupshup's own object."""
    if isinstance(fact, Inbound):
        return replace(fact, raw=payload)
    if isinstance(fact, Reaction) and fact.message is not None:
        return replace(fact, message=replace(fact.message, raw=payload))
    return fact if not isinstance(fact, Edit) else replace(fact, message=replace(fact.message, raw=payload))


def _number(value: Any) -> Any:
    """Return a coordinate, which Gupshup writes as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _part(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
