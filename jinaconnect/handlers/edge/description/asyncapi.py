"""The description of the feed, AsyncAPI 3.0: its doors, every event type with its data and an example, every frame.

It is made of the catalogue of events and the table of frames, and says nothing of its own about either.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from jinaconnect import __version__
from jinaconnect.core.events.catalogue import CATALOGUE, EventType
from jinaconnect.core.events.payloads.base import MOMENT
from jinaconnect.core.schema import sample, sample_id
from jinaconnect.handlers.edge.description.feed_schemas import (
    ACTOR,
    TICKET,
    envelope,
    payload_models,
    ref,
    sound_door,
    subject_id,
)
from jinaconnect.handlers.edge.description.frames import CURSOR, FROM_CLIENT, FROM_HERE, Frame, Supervised
from jinaconnect.handlers.edge.description.json_schemas import schemas_of
from jinaconnect.handlers.edge.description.posted import TELLS, headers
from jinaconnect.handlers.edge.events import AFTER, QUERY
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.realtime.protocol import CLOSE_CODES
from jinaconnect.realtime.sound import FRAME_BYTES

_SOCKET, _STREAM, _ENDPOINT, _SOUND = "socket", "stream", "endpoint", "sound"
_SOUND_FRAME = {
    "name": "sound", "summary": "20 ms of sound in a binary message: 16 kHz, 16 bits, little-endian, mono.",
    "contentType": "audio/L16;rate=16000;channels=1",
    "payload": {"type": "string", "format": "binary", "minLength": FRAME_BYTES, "maxLength": FRAME_BYTES},
    "examples": [{"payload": "\0" * FRAME_BYTES}],
}  # fmt: skip
_OF_CONTACTS = ("message", "conversation", "contact", "call", "recording", "consent")


def feed_description() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document."""
    events = {name: _event(kind) for name, kind in CATALOGUE.items()}
    here = {**{f"frame.{name}": _frame(name, model) for name, model in FROM_HERE.items()}, "frame.events": _events()}
    client = {f"client.{name}": _frame(name, model) for name, model in FROM_CLIENT.items()}
    sound = {"sound.frame": _SOUND_FRAME, "sound.supervision": _frame("supervision", Supervised)}
    models: set[type[BaseModel]] = {*payload_models(), *FROM_CLIENT.values(), *FROM_HERE.values(), Supervised}
    schemas = {"EventActor": ACTOR, **schemas_of(sorted(models, key=lambda model: model.__name__))}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "JinaConnect feed",
            "version": __version__,
            "description": (
                "Every change in an organisation's data is an event with a number. Pass over types and fields you do"
                " not know: both are added in time."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {_SOCKET: _server("ws"), _STREAM: _server("http")},
        "channels": {
            _SOCKET: {
                "address": "/ws/", "title": "WebSocket", "servers": [{"$ref": f"#/servers/{_SOCKET}"}],
                "description": (
                    "Text frames of one JSON object each. Without credentials in the handshake the first frame is"
                    " `auth`. `x-close-codes` are those a connection is ended with."
                ),
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in (*here, *client)},
                "bindings": {"ws": {"method": "GET", "query": _query({"ticket": TICKET})}},
            },
            _SOUND: {
                "address": "/ws/sound/", "title": "The sound of a supervised call",
                "servers": [{"$ref": f"#/servers/{_SOCKET}"}], "description": sound_door()["description"],
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sound},
                "bindings": {"ws": {"method": "GET", "query": _query(sound_door()["query"])}},
            },
            _STREAM: {
                "address": "/events/stream/", "title": "Server-sent events",
                "servers": [{"$ref": f"#/servers/{_STREAM}"}],
                "description": "Each message's `id` is the cursor after it, its `data` one event as JSON.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in events},
            },
            _ENDPOINT: {
                "address": "{url}", "title": "Outbound webhooks", "description": TELLS,
                "parameters": {"url": {"description": "The address that an endpoint was added with."}},
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in events},
            },
        },
        "operations": {
            "sendFrames": _operation("send", _SOCKET, list(here), "What comes over the socket."),
            "receiveFrames": _operation("receive", _SOCKET, list(client), "What a client says over the socket."),
            "sendSound": _operation("send", _SOUND, list(sound), "What is heard, and who hears the supervisor."),
            "receiveSound": _operation("receive", _SOUND, ["sound.frame"], "What the supervisor says."),
            "sendEvents": {
                **_operation("send", _STREAM, list(events), "Follow the feed without asking for anything else."),
                "bindings": {"http": {"method": "GET", "query": _query({"after": AFTER, "ticket": TICKET, **QUERY})}},
            },
            "postEvents": {
                **_operation("send", _ENDPOINT, list(events), "Have the feed posted to an address of one's own."),
                "bindings": {"http": {"method": "POST"}}, "x-headers": headers(),
            },
        },
        "components": {"messages": {**events, **here, **client, **sound}, "schemas": schemas},
        "x-close-codes": {
            str(code): {"class": kind, "meaning": meaning} for code, (kind, meaning) in CLOSE_CODES.items()
        },
    }  # fmt: skip


def _server(scheme: str) -> dict[str, Any]:
    return {
        "host": "{host}", "protocol": scheme, "description": "The gateway; over TLS where a proxy before it speaks it.",
        "variables": {"host": {"default": "127.0.0.1:8080", "description": "Where the gateway is reached."}},
    }  # fmt: skip


def _operation(action: str, channel: str, messages: list[str], tells: str) -> dict[str, Any]:
    place = f"#/channels/{channel}"
    return {
        "action": action, "channel": {"$ref": place}, "summary": tells,
        "messages": [{"$ref": f"{place}/messages/{name}"} for name in messages],
    }  # fmt: skip


def _query(parameters: dict[str, str | Parameter]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, given in parameters.items():
        told, schema = (given, {"type": "string"}) if isinstance(given, str) else (given, given.schema)
        fields[name] = {**schema, "description": str(told)}
    return {"type": "object", "properties": fields}


def _event(kind: EventType) -> dict[str, Any]:
    return {
        "name": kind.name, "summary": kind.tells, "x-topic": kind.topic, "payload": envelope(kind.subject, [kind]),
        "examples": [{"payload": event_sample(kind)}],
    }  # fmt: skip


def event_sample(kind: EventType) -> dict[str, Any]:
    """Return an event of a type as its readers get it."""
    of_contact = kind.subject in _OF_CONTACTS
    return {
        "id": sample_id("evt"), "seq": 1042, "type": kind.name, "mode": "live", "occurred_at": MOMENT,
        "recorded_at": MOMENT, "actor": {"type": "user", "id": sample_id("usr")},
        "subject": {"type": kind.subject, "id": subject_id(kind.subject)},
        "contact_id": sample_id("cnt") if of_contact else None,
        "conversation_id": sample_id("conv") if of_contact else None,
        "call_id": sample_id("call") if kind.subject in ("call", "recording") else None, "data": sample(kind.payload),
    }  # fmt: skip


def _frame(name: str, model: type[Frame]) -> dict[str, Any]:
    return {
        "name": name, "summary": (model.__doc__ or "").strip(), "payload": ref(model.__name__),
        "examples": [{"payload": sample(model)}],
    }  # fmt: skip


def _events() -> dict[str, Any]:
    shown = event_sample(next(iter(CATALOGUE.values())))
    return {
        "name": "events", "summary": "Some events of the view, in order; `cursor` is the place after them.",
        "payload": {
            "type": "object", "required": ["type", "events", "cursor"],
            "properties": {
                "type": {"const": "events"}, "cursor": {"type": "string"},
                "events": {
                    "type": "array",
                    "items": {
                        "oneOf": [{"$ref": f"#/components/messages/{name}/payload"} for name in CATALOGUE],
                    },
                },
            },
        },
        "examples": [{"payload": {"type": "events", "events": [shown], "cursor": CURSOR}}],
    }  # fmt: skip
