"""The feed in the API description: its events as schemas by what they are about, its stream and its socket as paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.core.paging import SHORT
from jinaconnect.core.schema import sample_id
from jinaconnect.handlers.calls.recordings import RecordingOut
from jinaconnect.handlers.contacts.contacts import ContactOut
from jinaconnect.handlers.edge.events import AFTER, QUERY
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.handlers.identity.members import MemberOut
from jinaconnect.handlers.identity.roles import RoleOut
from jinaconnect.handlers.inbox.inbox import ConversationOut, InboxMessage
from jinaconnect.handlers.messaging.whatsapp_templates import TemplateOut
from jinaconnect.realtime.protocol import SUBPROTOCOL

# What the data of a subject's events is; of the others it is what happened, in fields of each type's own.
PAYLOADS: Mapping[str, type[BaseModel]] = {
    "message": InboxMessage, "conversation": ConversationOut, "contact": ContactOut, "template": TemplateOut,
    "member": MemberOut, "role": RoleOut, "recording": RecordingOut,
}  # fmt: skip

_PREFIXES = {
    "message": "msg", "conversation": "conv", "contact": "cnt", "template": "tpl", "member": "mem", "role": "rol",
    "call": "call", "recording": "rec", "trunk": "trk",
}  # fmt: skip
TICKET = Parameter("A ticket of `POST /ws/ticket/`, where no header can be set.", SHORT)
_ID = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_AT = {"type": "string", "format": "date-time"}


def payload_models() -> set[type[BaseModel]]:
    """Return the models that events carry."""
    return set(PAYLOADS.values())


def _name(subject: str) -> str:
    return f"{subject.capitalize()}Event"


def event_schemas(ref: str) -> dict[str, Any]:
    """Return the schemas of events by name; `ref` is the form of a reference to a schema."""
    subjects: dict[str, list[str]] = {}
    for kind in CATALOGUE.values():
        subjects.setdefault(kind.subject, []).append(kind.name)
    made = {_name(subject): _event(subject, types, ref) for subject, types in subjects.items()}
    mapping = {kind.name: ref.format(model=_name(kind.subject)) for kind in CATALOGUE.values()}
    return {
        "EventActor": {
            "type": "object", "description": "Who did it.", "required": ["type"],
            "properties": {"type": _ID, "id": _ID, "name": _ID},
        },
        **made,
        "Event": {
            "description": "A change, with its number in the log. Types you do not know are to be passed over.",
            "oneOf": [{"$ref": ref.format(model=name)} for name in made],
            "discriminator": {"propertyName": "type", "mapping": mapping},
        },
        "EventPage": {
            "type": "object", "description": "Events after a place in the log, and the place after them.",
            "required": ["events", "cursor", "has_more"],
            "properties": {
                "events": {"type": "array", "items": {"$ref": ref.format(model="Event")}},
                "cursor": _ID, "has_more": {"type": "boolean"},
            },
        },
    }  # fmt: skip


def _event(subject: str, types: list[str], ref: str) -> dict[str, Any]:
    told = "\n".join(f"- `{name}`: {CATALOGUE[name].tells}" for name in types)
    model = PAYLOADS.get(subject)
    data: dict[str, Any] = {"type": "object"} if model is None else {"$ref": ref.format(model=model.__name__)}
    return {
        "type": "object",
        "description": f"What happened to a {subject}.\n\n{told}",
        "required": ["id", "seq", "type", "mode", "occurred_at", "recorded_at", "actor", "subject", "data"],
        "properties": {
            "id": {**_ID, "examples": [sample_id("evt")]}, "seq": {"type": "integer", "minimum": 1},
            "type": {"type": "string", "enum": types}, "mode": {"type": "string", "enum": ["live", "test"]},
            "occurred_at": _AT, "recorded_at": _AT, "actor": {"$ref": ref.format(model="EventActor")},
            "subject": {
                "type": "object", "required": ["type", "id"],
                "properties": {
                    "type": {"type": "string", "enum": [subject]},
                    "id": {**_ID, "examples": [sample_id(_PREFIXES.get(subject, subject))]},
                },
            },
            "contact_id": _MAYBE, "conversation_id": _MAYBE,
            "call_id": _MAYBE if subject in ("call", "recording") else {**_MAYBE, "examples": [None]}, "data": data,
        },
    }  # fmt: skip


def doors() -> dict[str, dict[str, Any]]:
    """Return what the stream and the socket are asked and answer, by path."""
    stream = {
        "id": "feed.stream", "summary": "Follow the feed as server-sent events.",
        "description": (
            "Every event is one message: its `id` is the cursor after it, its `data` the event as JSON. A comment comes"
            " every 15 seconds. A client that comes back says `Last-Event-ID` and misses nothing."
        ),
        "query": {"after": AFTER, "ticket": TICKET, **QUERY},
        "headers": {"Last-Event-ID": Parameter("The cursor to go on after; wins over `after`.", SHORT)},
        "answers": {200: ("The stream.", "text/event-stream", {
            "type": "string",
            "examples": ['retry: 1000\n\nid: AAAAAAAABBIAAAAB7pZ3nUq1sXk2vYd0\ndata: {"type":"message.read",…}\n\n'],
        })},
        "errors": (400, 401, 403, 410, 503),
    }  # fmt: skip
    socket = {
        "id": "feed.socket", "summary": "Follow the feed and ask for operations over a WebSocket (RFC 6455).",
        "description": (
            "Text frames of one JSON object each with `type`: `auth`, `subscribe`, `request`, `presence`, `ping` from"
            " the client, `hello`, `ready`, `subscribed`, `gap`, `events`, `result`, `error`, `presence`, `pong`,"
            " `expiring` from here. A `request` names any operation here by its `operationId`. `/asyncapi.json`"
            " describes events and close codes. Without credentials in the handshake the first frame is `auth`."
        ),
        "query": {"ticket": TICKET},
        "headers": {
            "Sec-WebSocket-Protocol": Parameter("Taken where offered.", {"type": "string", "enum": [SUBPROTOCOL]}),
        },
        "answers": {101: ("The connection is a WebSocket now.", "", {})},
        "errors": (400, 403, 426, 429),
    }  # fmt: skip
    return {"/events/stream/": stream, "/ws/": socket}
