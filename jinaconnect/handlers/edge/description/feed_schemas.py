"""The feed in the API description: its events as schemas by what they are about, its stream and its socket as paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinaconnect.core.events.catalogue import CATALOGUE, EventType
from jinaconnect.core.events.payloads.base import Payload, declared
from jinaconnect.core.paging import SHORT
from jinaconnect.core.schema import sample, sample_id
from jinaconnect.handlers.edge.description.json_schemas import REF
from jinaconnect.handlers.edge.events import AFTER, QUERY
from jinaconnect.handlers.edge.schemas import Parameter, named
from jinaconnect.realtime.protocol import SUBPROTOCOL

ACTOR = {
    "type": "object", "description": "Who did it.", "required": ["type"],
    "properties": {"type": {"type": "string"}, "id": {"type": "string"}, "name": {"type": "string"}},
}
TICKET = Parameter("A ticket of `POST /ws/ticket/`, where no header can be set.", SHORT)
_ID = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_AT = {"type": "string", "format": "date-time"}


for _kind in CATALOGUE.values():
    named(declared(_kind.payload))


def payload_models() -> set[type[Payload]]:
    """Return the models that the data of events are."""
    return {declared(kind.payload) for kind in CATALOGUE.values()}


def ref(model: type[Payload] | str) -> dict[str, Any]:
    """Return a reference to a model's schema, or to one by its name."""
    return {"$ref": REF.format(model=model if isinstance(model, str) else model.__name__)}


def _name(subject: str) -> str:
    return f"{subject.title().replace('_', '')}Event"


def subject_id(subject: str) -> str:
    """Return an id of a subject as examples show it: that of its first event that carries one."""
    samples = (sample(kind.payload) for kind in CATALOGUE.values() if kind.subject == subject)
    return next((each["id"] for each in samples if "id" in each), sample_id(subject))


def event_schemas() -> dict[str, Any]:
    """Return the schemas of events by name, one for each subject."""
    subjects: dict[str, list[EventType]] = {}
    for kind in CATALOGUE.values():
        subjects.setdefault(kind.subject, []).append(kind)
    made = {_name(subject): envelope(subject, kinds) for subject, kinds in subjects.items()}
    mapping = {kind.name: ref(_name(kind.subject))["$ref"] for kind in CATALOGUE.values()}
    return {
        "EventActor": ACTOR,
        **made,
        "Event": {
            "description": "A change, with its number in the log. Types you do not know are to be passed over.",
            "oneOf": [ref(name) for name in made],
            "discriminator": {"propertyName": "type", "mapping": mapping},
        },
        "EventPage": {
            "type": "object", "description": "Events after a place in the log, and the place after them.",
            "required": ["events", "cursor", "has_more"],
            "properties": {
                "events": {"type": "array", "items": ref("Event")}, "cursor": _ID, "has_more": {"type": "boolean"},
            },
        },
    }  # fmt: skip


def envelope(subject: str, kinds: Sequence[EventType]) -> dict[str, Any]:
    """Return the schema of events of some types about one subject."""
    told = "\n".join(f"- `{kind.name}`: {kind.tells}" for kind in kinds)
    models = sorted({declared(kind.payload) for kind in kinds}, key=lambda model: model.__name__)
    data = ref(models[0]) if len(models) == 1 else {"anyOf": [ref(model) for model in models]}
    return {
        "type": "object",
        "description": f"What happened to a {subject}.\n\n{told}",
        "required": ["id", "seq", "type", "mode", "occurred_at", "recorded_at", "actor", "subject", "data"],
        "properties": {
            "id": {**_ID, "examples": [sample_id("evt")]}, "seq": {"type": "integer", "minimum": 1},
            "type": {"type": "string", "enum": [kind.name for kind in kinds]},
            "mode": {"type": "string", "enum": ["live", "test"]}, "occurred_at": _AT, "recorded_at": _AT,
            "actor": ref("EventActor"),
            "subject": {
                "type": "object", "required": ["type", "id"],
                "properties": {
                    "type": {"type": "string", "enum": [subject]},
                    "id": {**_ID, "examples": [subject_id(subject)]},
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
            " the client, `hello`, `ready`, `subscribed`, `live`, `gap`, `events`, `result`, `error`, `presence`,"
            " `pong`, `expiring` from here. A `request` names any operation here by its `operationId`. `/asyncapi.json`"
            " describes events and close codes. Without credentials in the handshake the first frame is `auth`."
        ),
        "query": {"ticket": TICKET},
        "headers": {
            "Sec-WebSocket-Protocol": Parameter("Taken where offered.", {"type": "string", "enum": [SUBPROTOCOL]}),
        },
        "answers": {101: ("The connection is a WebSocket now.", "", {})},
        "errors": (400, 403, 426, 429),
    }  # fmt: skip
    return {"/events/stream/": stream, "/ws/": socket, "/ws/sound/": sound_door()}


def sound_door() -> dict[str, Any]:
    """Return what the socket of a supervised call's sound is asked and answers."""
    return {
        "id": "voice.sound", "summary": "Hear a call that is supervised, and speak in it, over a WebSocket.",
        "description": (
            "A binary message is 20 ms of sound both ways: 640 bytes, 16 kHz, 16 bits, little-endian, mono. A text"
            " message from here is a JSON object of type `supervision`: its `id`, the `mode`, who hears the supervisor"
            " (`heard_by`: nobody, agent, both), and why it has `ended` (null while it goes on). What is said while"
            " nobody is to hear it goes nowhere. What a client does not take within 400 ms is dropped, oldest first."
            " It is closed with 1000 where it is over, besides with codes as the feed's socket."
        ),
        "query": {"ticket": Parameter("The ticket of `POST /voice/api/calls/{id}/supervise/`.", SHORT)},
        "headers": {},
        "answers": {101: ("The connection is a WebSocket now.", "", {})},
        "errors": (400, 403, 426, 429),
    }  # fmt: skip
