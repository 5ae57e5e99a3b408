"""What carries calls at an HTTP voice carrier, seen from above.

Such a carrier has the call itself: it is asked to place one, asks us by webhook what to do in it, is answered with a
document in a dialect of its own, and reports what became of it. `telephony.switch` is the other kind: carriers whose
calls have legs of ours. An adapter keeps no state; what is known of a call stands in its document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel

from jinaconnect.core.calls import machine
from jinaconnect.core.ivr.exchange import Order, Report
from jinaconnect.core.webhook import WebhookReply, WebhookRequest


class Unsupported(Exception):
    """The carrier cannot do this."""


class ProviderAway(Exception):
    """The carrier did not answer, or not as it should; `uncertain` when it may have done it all the same."""

    def __init__(self, message: str, *, uncertain: bool) -> None:
        super().__init__(message)
        self.uncertain = uncertain


class CallGone(Exception):
    """The carrier has no such call, or no such recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """One provider of voice as the table lists it.

    `hosted` tells that its calls live at the carrier; the others have legs on a switch of ours. `verbs` are what can be
    ordered of a live call and `ways` what one can be placed for (None: everything). `credentials` is the schema of an
    account, `told_to` the credential that says which host the others named go to.
    """

    name: str
    label: str
    hosted: bool = True
    verbs: frozenset[str] | None = frozenset()
    ways: frozenset[str] | None = frozenset({"tts_text", "audio_url", "flow_id", "template"})
    credentials: type[BaseModel] | None = None
    told_to: tuple[str, tuple[str, ...]] = ("", ())


@dataclass(frozen=True, slots=True)
class VoiceAccount:
    """A tenant's account, opened for use."""

    id: str
    scope: str
    credentials: Mapping[str, Any] = field(repr=False)
    webhook_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CallUrls:
    """Where the carrier finds us for one call: `turn` for the document of what it says next, and what it heard."""

    turn: str
    status: str
    recording: str


@dataclass(frozen=True, slots=True)
class Placing:
    """A call to place; `record` tells that all of it is to be recorded."""

    id: str
    caller: str
    to: str
    timeout_s: int
    max_duration_s: int
    record: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier places the call under this id."""

    call_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier does not place it; `cause` is canonical."""

    cause: str
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request went out and no answer came; only the carrier's reports will tell."""

    reason: str


Outcome = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that came in at the carrier; `caller` is empty for one who withholds their number."""

    call_id: str
    called: str
    caller: str


@dataclass(frozen=True, slots=True)
class RecordingReady:
    """A recording can be fetched under this name."""

    name: str
    duration_s: float | None = None


class VoiceProvider(Protocol):
    """One HTTP voice carrier."""

    spec: ProviderSpec

    async def place(self, account: VoiceAccount, call: Placing, urls: CallUrls) -> Outcome:
        """Ask for a call; never raises for what the carrier or the network does."""

    async def control(self, account: VoiceAccount, call_id: str, verb: str, body: Mapping[str, Any]) -> None:
        """Have a live call do something; raises Unsupported, CallGone, ProviderAway."""

    def verify(self, account: VoiceAccount, hook: WebhookRequest, now: datetime) -> None:
        """Raise BadSignature for a webhook that is not the carrier's, Malformed for one that cannot be read; pure."""

    def call_id(self, hook: WebhookRequest) -> str:
        """Return the carrier's id of the call a verified webhook is about, empty where it names none; pure."""

    def arrival(self, hook: WebhookRequest) -> Arrival | None:
        """Return the call that a webhook tells has come in, None where it tells of none; pure."""

    def facts(self, hook: WebhookRequest, now: datetime) -> Sequence[machine.Fact]:
        """Return what a webhook tells of the call's life; pure, nothing for what it does not know."""

    def reports(self, hook: WebhookRequest) -> Sequence[Report]:
        """Return what a webhook tells of the document before: keys, then Silence; its end; pure.

        `turn` stays empty, the address says it.
        """

    def recordings(self, hook: WebhookRequest) -> Sequence[RecordingReady]:
        """Return the recordings a webhook says are ready; pure."""

    def document(self, orders: Sequence[Order], urls: CallUrls) -> WebhookReply:
        """Return a turn in the carrier's dialect: its prompts, then one wait, whose end asks for `urls.turn`; pure.

        A turn that waits for ourselves (a web service) pauses and asks again. No orders: hang up.
        """

    async def fetch_recording(self, account: VoiceAccount, name: str) -> bytes:
        """Return the audio of a recording as WAV; raises CallGone, ProviderAway."""
