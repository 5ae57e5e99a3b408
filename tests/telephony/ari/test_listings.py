"""Everything we send and read is in Asterisk's own API listings."""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from aiohttp import web

from jinaconnect.telephony.ari import event_types, wire
from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.event_types import Event, KnownEvent, UnknownEvent, parse_event
from jinaconnect.telephony.ari.wire import Wire
from tests.telephony.ari.described import DescribedPeer, Listings, listings

NOUNS = ("channels", "bridges", "playbacks", "recordings", "applications", "endpoints", "objects")
# The client's own: no requests of ARI behind them.
NOT_REQUESTS = {"close", "request_times", "registrations"}


@pytest.fixture(scope="module")
def known() -> Listings:
    return listings()


@pytest.fixture
async def peer(known: Listings) -> AsyncIterator[tuple[DescribedPeer, str]]:
    described = DescribedPeer(known)
    runner = web.AppRunner(described.application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield described, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def methods(client: AriClient) -> list[tuple[str, Callable[..., Any]]]:
    """Return every request method of the client and its nouns, with its name."""
    found = []
    for owner_name, owner in [("", client), *((noun, getattr(client, noun)) for noun in NOUNS)]:
        for name, method in inspect.getmembers(owner, inspect.iscoroutinefunction):
            if not name.startswith("_") and name not in NOT_REQUESTS:
                found.append((f"{owner_name}.{name}".lstrip("."), method))
    return found


async def _took(piece: bytes) -> None:
    """Take a piece of a file."""


def argument(annotation: Any) -> Any:
    """Return a value for a parameter: something for every optional one, so that it is sent."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return inside[0]
    if origin in (typing.Union, types.UnionType):
        return argument(next(each for each in inside if each is not type(None)))
    if origin is Callable:
        return _took
    if origin is not None and issubclass(origin, typing.Mapping):
        return {"NAME": "value"}
    if origin is not None and typing.get_args(inside[0] if inside else None):
        return [("attribute", "value")]
    if origin is not None and issubclass(origin, Sequence | typing.Iterable):
        return ["one"]
    return {str: "text", int: 60, bool: True, float: 2.0}[annotation]


async def test_every_request_with_every_parameter_is_described(peer: tuple[DescribedPeer, str]) -> None:
    described, url = peer
    async with AriClient(url, "user", "password") as client:
        called = methods(client)
        assert len(called) >= 60
        for name, method in called:
            hints = typing.get_type_hints(method)
            parameters = inspect.signature(method).parameters
            before = len(described.seen)
            await method(**{each: argument(hints[each]) for each in parameters})
            assert len(described.seen) == before + 1 or described.faults, f"{name} sent nothing"
    assert described.faults == []


def test_the_described_peer_notices_what_is_not_in_the_listings(known: Listings) -> None:
    assert known.find("POST", "/channels/x/teleport") is None
    assert known.find("GET", "/channels/x") is not None
    found = known.find("POST", "/channels/externalMedia")
    assert found is not None
    assert found.path == "/channels/externalMedia"


def wire_models() -> list[type[Wire]]:
    """Return every model that has its name from the listings."""
    ours = {wire.Wire, wire.RegistrationStatus, event_types.Event, UnknownEvent}
    found = [
        each for module in (wire, event_types) for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, Wire) and each not in ours
    ]  # fmt: skip
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("model", wire_models(), ids=lambda model: model.__name__)
def test_every_field_we_read_is_described(known: Listings, model: type[Wire]) -> None:
    described = known.fields(model.__name__)
    for name, field in model.model_fields.items():
        if name == "type" or (issubclass(model, Event) and name in Event.model_fields):
            continue
        assert name in described, f"{model.__name__}.{name} is not in the listings"
        assert described[name] or not field.is_required(), f"{model.__name__}.{name} may be missing"


@pytest.mark.parametrize("model", typing.get_args(KnownEvent), ids=lambda model: model.__name__)
def test_an_event_with_only_its_required_fields_is_read(known: Listings, model: type[Event]) -> None:
    example = {**known.example("Message"), **known.example("Event"), **known.example(model.__name__)}
    event = parse_event(json.dumps({**example, "type": model.__name__}))
    assert type(event) is model


def test_events_we_have_no_model_for_are_kept_whole(known: Listings) -> None:
    ours = {each.__name__ for each in typing.get_args(KnownEvent)}
    others = [name for name in known.models["Event"]["subTypes"] if name not in ours]
    assert "ChannelUserevent" in others
    for name in others:
        example = {**known.example("Message"), **known.example("Event"), **known.example(name), "type": name}
        event = parse_event(json.dumps(example))
        assert isinstance(event, UnknownEvent)
        assert (event.type, event.payload, event.fault) == (name, example, "")
