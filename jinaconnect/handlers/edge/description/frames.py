"""The frames of the socket as the description of the feed shows them; `docs/protocol.md` tells their order."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from jinaconnect.core.calls.supervision import HEARERS, MODES
from jinaconnect.core.schema import OneOf, example, sample_id
from jinaconnect.realtime import protocol

CURSOR = "AAAAAAAABBIAAAAB7pZ3nUq1sXk2vYd0"
_AT = "2026-11-23T10:00:00.123Z"
_WHO = {
    "type": "user", "id": sample_id("usr"), "name": "Sam Roe", "role": "agent", "permissions": ["inbox.view"],
}  # fmt: skip


class Frame(BaseModel):
    """A text frame: one JSON object."""

    model_config = ConfigDict(extra="forbid")


class Auth(Frame, json_schema_extra=example(type="auth", token="eyJhbGciOiJIUzI1NiJ9.eyJ0eXAiOiJhY2Nlc3MifQ.9xLw")):
    """Say who you are, where the handshake did not; again at any time to renew."""

    type: Literal["auth"]
    token: str


class Subscribe(Frame, json_schema_extra=example(type="subscribe", topics=["inbox"], filter={}, after=CURSOR)):
    """Follow a view of the feed, after a cursor or from now on; it takes the place of the view before."""

    type: Literal["subscribe"]
    topics: list[str] | None = None
    filter: dict[str, str] | None = None
    after: str | None = None


class Unsubscribe(Frame, json_schema_extra=example(type="unsubscribe")):
    """Follow nothing."""

    type: Literal["unsubscribe"]


class Asked(
    Frame,
    json_schema_extra=example(
        type="request", id="1", operation="contacts.read", params={"id": sample_id("cnt")}, idempotency_key="4711"
    ),
):
    """Ask for an operation of `/openapi.json` by its `operationId`; `params` holds path and query parameters."""

    type: Literal["request"]
    id: str = Field(max_length=128)
    operation: str
    params: dict[str, Any] | None = None
    body: Any = None
    idempotency_key: str | None = None


class Present(Frame, json_schema_extra=example(type="presence", viewing=sample_id("conv"), typing=True)):
    """Say what you look at, and whether you are typing."""

    type: Literal["presence"]
    viewing: str | None = None
    typing: bool = False


class Ping(Frame, json_schema_extra=example(type="ping")):
    """Ask whether the other end is there."""

    type: Literal["ping"]


class FrameLimits(Frame):
    """What the socket bears."""

    frame_bytes: int
    requests_per_s: int
    buffer_bytes: int
    events_frame_bytes: int


class Hello(
    Frame,
    json_schema_extra=example(
        type="hello", protocol=protocol.VERSION, session=sample_id("ses"), heartbeat_s=protocol.HEARTBEAT_S,
        limits={
            "frame_bytes": protocol.FRAME_BYTES, "requests_per_s": protocol.REQUESTS_PER_S,
            "buffer_bytes": protocol.BUFFER_BYTES, "events_frame_bytes": protocol.EVENTS_FRAME_BYTES,
        },
    ),
):  # fmt: skip
    """The first frame of a connection."""

    type: Literal["hello"]
    protocol: int
    session: str
    heartbeat_s: int
    limits: FrameLimits


class Who(Frame):
    """Who you are here."""

    type: Literal["user", "api_key", "system"]
    id: str
    name: str
    role: str
    permissions: list[str]


class Ready(
    Frame,
    json_schema_extra=example(
        type="ready", tenant=sample_id("ten"), mode="live", principal=_WHO, expires_at=_AT, cursor=CURSOR
    ),
):
    """You are known; `cursor` is where the log stands."""

    type: Literal["ready"]
    tenant: str
    mode: Literal["live", "test"]
    principal: Who
    expires_at: str | None
    cursor: str


class Subscribed(
    Frame,
    json_schema_extra=example(
        type="subscribed", topics=["inbox"], filter={}, cursor=CURSOR, recovered=True, behind=17
    ),
):  # fmt: skip
    """The view is followed after `cursor`; `recovered` is false where events in between are no longer kept.

    `behind` is how many numbers of the log lie between `cursor` and its end: at least as many as events will come.
    """

    type: Literal["subscribed"]
    topics: list[str]
    filter: dict[str, str]
    cursor: str
    recovered: bool
    behind: int


class CaughtUp(Frame, json_schema_extra=example(type="live", cursor=CURSOR)):
    """Everything of the view up to here has been sent: what follows is news."""

    type: Literal["live"]
    cursor: str


class Gap(Frame, json_schema_extra=example(type="gap", code="cursor_expired", oldest=CURSOR, cursor=CURSOR)):
    """What came after your cursor is no longer kept: load your snapshot anew, then go on after `cursor`."""

    type: Literal["gap"]
    code: str
    oldest: str
    cursor: str


class Result(Frame, json_schema_extra=example(type="result", id="1", status=200, body={}, cursor=CURSOR)):
    """The answer to a request, as over REST; `cursor` is the place of what it changed."""

    type: Literal["result"]
    id: str
    status: int
    body: Any
    cursor: str | None


class Refused(
    Frame,
    json_schema_extra=example(type="error", id="1", status=404, detail="There is no such thing.", code="not_found"),
):
    """A refusal of a request, or (without `id`) of a frame that was not understood; besides, what the error tells."""

    model_config = ConfigDict(extra="allow")

    type: Literal["error"]
    id: str | None
    status: int
    detail: str | dict[str, list[str]]
    code: str
    retry_after: float | None = None


class Member(Frame):
    """Somebody who is present."""

    user_id: str | None
    name: str
    viewing: str | None
    typing: bool
    since: str


class Presence(
    Frame,
    json_schema_extra=example(
        type="presence", total=1,
        members=[{
            "user_id": sample_id("usr"), "name": "Sam Roe", "viewing": sample_id("conv"), "typing": False, "since": _AT,
        }],
    ),
):  # fmt: skip
    """Who is present, at most 50 of `total`; it takes the place of the list before."""

    type: Literal["presence"]
    members: list[Member]
    total: int


class Pong(Frame, json_schema_extra=example(type="pong", at=_AT)):
    """The answer to a ping."""

    type: Literal["pong"]
    at: str


class Expiring(Frame, json_schema_extra=example(type="expiring", in_s=60)):
    """The credentials end soon: send `auth` again."""

    type: Literal["expiring"]
    in_s: int


class Supervised(
    Frame,
    json_schema_extra=example(
        type="supervision", id=sample_id("sup"), mode="whisper", heard_by="agent", ended=None
    ),
):  # fmt: skip
    """Who hears the supervisor from now on, or why it is over (`ended` is null while it goes on)."""

    type: Literal["supervision"]
    id: str
    mode: Annotated[str, OneOf(MODES)]
    heard_by: Annotated[str, OneOf(HEARERS)]
    ended: str | None


FROM_CLIENT: dict[str, type[Frame]] = {
    "auth": Auth, "subscribe": Subscribe, "unsubscribe": Unsubscribe, "request": Asked, "presence": Present,
    "ping": Ping,
}  # fmt: skip
# Besides `events`, whose schema is made of the catalogue.
FROM_HERE: dict[str, type[Frame]] = {
    "hello": Hello, "ready": Ready, "subscribed": Subscribed, "live": CaughtUp, "gap": Gap, "result": Result,
    "error": Refused, "presence": Presence, "pong": Pong, "expiring": Expiring,
}  # fmt: skip
