"""What carries calls at an HTTP voice carrier, seen from above.

Such a carrier has the call itself: it is asked to place one, asks us by webhook what to do in it, is answered with a
document in a dialect of its own, and reports what became of it. `telephony.switch` is the other kind: carriers whose
calls have legs of ours. An adapter keeps no state; what is known of a call stands in its document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from jinaconnect.core.calls import machine
from jinaconnect.core.calls.transcript import Heard
from jinaconnect.core.ivr.dialects.applets import Applet
from jinaconnect.core.ivr.exchange import Order, Report
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.outbound import Sink


class Unsupported(Exception):
    """The carrier cannot do this."""


class ProviderAway(Exception):
    """The carrier did not answer, or not as it should; `uncertain` when it may have done it all the same."""

    def __init__(self, message: str, *, uncertain: bool) -> None:
        super().__init__(message)
        self.uncertain = uncertain


class CommandRefused(ProviderAway):
    """The carrier will not do this with the call, which lives, however often it is asked.

    `then` is the place of the command that a turn goes on with, None where the turn is over.
    """

    def __init__(self, message: str, *, then: int | None = None) -> None:
        super().__init__(message, uncertain=False)
        self.then = then


class CallGone(Exception):
    """The carrier has no such call, or no such recording."""


class NotOurs(Exception):
    """The carrier does not know these credentials, or they may not do this."""


# What an address of ours is for: `TURN` asks what the call is to do now, the others tell.
TURN, STATUS, RECORDING = "turn", "status", "recording"
APPLET = "applet"  # what the parts of a flow at the carrier ask and tell, of whatever call


# What a call with legs of ours can be told.
EVERYTHING = frozenset({
    "hangup", "transfer", "complete", "cancel", "hold", "unhold", "mute", "unmute", "play", "stop-play", "dtmf",
    "record:start", "record:pause", "record:resume", "record:stop", "supervise",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """One provider of voice as the table lists it.

    `hosted` tells that its calls live at the carrier; the others have legs on a switch of ours. `verbs` are what can be
    ordered of a live call and `ways` what one can be placed for (None: everything), `recording` what a recording can be
    told to do, `detects` whether it tells people from machines. `credentials` is the schema of an account, `told_to`
    the credential that says which host the others named go to. `paths` are the names its webhooks' addresses end in,
    the first of a kind being the one we give out. They are signed with the credential `signed_by`: without it, nothing
    but the address shows whose they are. One that `tapes` records from the placing on, others from the first document;
    one that `removes` has recordings removed when it is asked to. One that is `asked_for_prices` is `AsksPrice`.
    """

    name: str
    label: str
    hosted: bool = True
    verbs: frozenset[str] | None = frozenset()
    ways: frozenset[str] | None = frozenset({"tts_text", "audio_url", "flow_id", "template"})
    recording: frozenset[str] = frozenset()
    detects: bool = False
    credentials: type[BaseModel] | None = None
    told_to: tuple[str, tuple[str, ...]] = ("", ())
    paths: Mapping[str, str] = field(default_factory=lambda: {each: each for each in (TURN, STATUS, RECORDING)})
    signed_by: str | None = None
    tapes: bool = True
    removes: bool = False
    asked_for_prices: bool = False

    def capabilities(self) -> list[str]:
        """Return what can be done with calls over it, as clients read it."""
        if self.verbs is None:
            return sorted(EVERYTHING)
        more = {f"record:{each}" for each in self.recording}
        more |= {name for name, can in (("machine_detection", self.detects), ("record:remove", self.removes)) if can}
        return sorted((self.verbs - {"record"}) | more)

    def path(self, kind: str) -> str:
        """Return the name that addresses of a kind end in; a carrier without one gets all at its first."""
        return next((name for name, held in self.paths.items() if held == kind), next(iter(self.paths)))


@dataclass(frozen=True, slots=True)
class VoiceAccount:
    """A tenant's account, opened for use."""

    id: str
    scope: str
    credentials: Mapping[str, Any] = field(repr=False)
    webhook_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CallUrls:
    """Where the carrier finds us for one call: `turn` for the document of what it says next, and what it heard.

    With a `transcript` it is to write down what is said in recordings, and to tell there.
    """

    turn: str
    status: str
    recording: str
    transcript: str = ""


@dataclass(frozen=True, slots=True)
class Placing:
    """A call to place; `record` tells that all of it is to be recorded, `detect` that machines are to be told."""

    id: str
    caller: str
    to: str
    timeout_s: int
    max_duration_s: int
    record: bool
    detect: bool = False


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
class Busy:
    """The carrier has not acted and may do so later."""

    wait_s: float
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request went out and no answer came; only the carrier's reports will tell."""

    reason: str


Outcome = Accepted | Refused | Busy | Unknown


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that came in at the carrier; `caller` is empty for one who withholds their number."""

    call_id: str
    called: str
    caller: str


@dataclass(frozen=True, slots=True)
class RecordingReady:
    """A recording can be fetched under this name; `duration_s` is as long as the carrier says it is.

    `alias` is what its transcript will call it, where that is something else.
    """

    name: str
    duration_s: float | None = None
    alias: str = ""


@dataclass(frozen=True, slots=True)
class CarrierPrice:
    """What a carrier says a call costs; `currency` is empty where it leaves that to its account."""

    amount: Decimal
    currency: str = ""


@runtime_checkable
class TellsPrice(Protocol):
    """A carrier whose reports say what a call costs."""

    def price(self, hook: WebhookRequest) -> CarrierPrice | None:
        """Return the price that a webhook tells, None where it tells none; pure."""


@runtime_checkable
class AsksPrice(Protocol):
    """A carrier that says what a call costs when it is asked, some time after the call's end."""

    async def fetch_price(self, account: VoiceAccount, call_id: str) -> CarrierPrice | None:
        """Return the price of a call that is over, None while it is not known; raises CallGone, ProviderAway."""


@dataclass(frozen=True, slots=True)
class LegTold:
    """What a webhook tells of the leg that a transfer has dialled: its id at the carrier, its life, its price."""

    id: str
    facts: Sequence[machine.Fact] = ()
    price: CarrierPrice | None = None


@runtime_checkable
class TellsOfLegs(Protocol):
    """A carrier that tells of the leg of a transfer while the transfer goes on; its end is the transfer's."""

    def leg(self, hook: WebhookRequest, now: datetime) -> LegTold | None:
        """Return what a webhook tells of such a leg, None where it is of none; pure."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What a carrier has written down of its recording of this name (or alias); it is to be fetched `at` an address."""

    name: str
    text: str = ""
    confidence: float | None = None
    language: str | None = None
    at: str = ""


@runtime_checkable
class WritesDown(Protocol):
    """A carrier that writes down what is said in recordings, where its addresses ask for it."""

    def transcripts(self, hook: WebhookRequest) -> Sequence[Transcribed]:
        """Return what a webhook tells was said in recordings; pure."""


@runtime_checkable
class KeepsTranscripts(Protocol):
    """A carrier that keeps what it has written down at an address of its own."""

    async def fetch_transcript(self, account: VoiceAccount, at: str) -> Heard:
        """Return what was said; raises CallGone, ProviderAway."""


class VoiceProvider(Protocol):
    """One HTTP voice carrier."""

    spec: ProviderSpec

    async def place(self, account: VoiceAccount, call: Placing, urls: CallUrls) -> Outcome:
        """Ask for a call; never raises for what the carrier or the network does."""

    async def check(self, account: VoiceAccount) -> None:
        """Ask the carrier whether it knows the account; raises NotOurs, ProviderAway."""

    async def control(
        self, account: VoiceAccount, call_id: str, verb: str, body: Mapping[str, Any], urls: CallUrls
    ) -> str | None:
        """Have a live call do something; raises Unsupported, Invalid, CallGone, CommandRefused, ProviderAway.

        `transfer` has it ask `urls.turn`, where its transfer is the present turn. Starting a recording returns the
        carrier's name of it, which the further verbs on it bring along as `recording`.
        """

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

    def answered_by(self, hook: WebhookRequest) -> str | None:
        """Return who a webhook says has answered: human, machine, screened, unknown; None where it does not; pure."""

    def recordings(self, hook: WebhookRequest) -> Sequence[RecordingReady]:
        """Return the recordings a webhook says are ready; pure."""

    def document(self, orders: Sequence[Order], urls: CallUrls, *, record: bool = False) -> WebhookReply:
        """Return a turn in the carrier's dialect: its prompts, then one wait, whose end asks for `urls.turn`; pure.

        A turn that waits for ourselves (a web service) pauses and asks again. No orders: hang up. With `record` all of
        the call is recorded from here on.
        """

    async def fetch_recording(self, account: VoiceAccount, name: str, into: Sink) -> None:
        """Write the audio of a recording, WAV or MP3, as it comes; raises CallGone, ProviderAway."""

    async def forget_recording(self, account: VoiceAccount, name: str) -> None:
        """Remove a recording at the carrier; raises CallGone, ProviderAway, Unsupported."""


@runtime_checkable
class Commanded(VoiceProvider, Protocol):
    """One that takes no documents: its answers to webhooks are empty, what a call is to do is commanded.

    What asks the carrier raises CallGone, CommandRefused and ProviderAway; a command given again under its name is no
    second one.
    """

    async def welcome(self, account: VoiceAccount, call_id: str, name: str) -> None:
        """Answer a call that comes in."""

    async def turn_away(self, account: VoiceAccount, call_id: str) -> None:
        """Refuse a call that comes in."""

    def echoed(self, hook: WebhookRequest) -> Mapping[str, str]:
        """Return the query of our address that a webhook repeats from the command it follows; pure."""

    def ends(self, hook: WebhookRequest, orders: Sequence[Order], urls: CallUrls) -> bool:
        """Tell whether an event is what its command in a turn leads to, and not of something besides; pure."""

    def follows(self, hook: WebhookRequest, orders: Sequence[Order], urls: CallUrls) -> int | None:
        """Return which of a turn's commands an event leads to, None where it leads to none of it; pure."""

    async def carry_out(
        self, account: VoiceAccount, call_id: str, orders: Sequence[Order], urls: CallUrls, *, step: int, name: str
    ) -> float | None:
        """Give a turn's commands from one on, as far as the next event; returns the seconds that we are to pause."""

    async def close(self, account: VoiceAccount, call_id: str, orders: Sequence[Order], urls: CallUrls) -> None:
        """End what a turn leaves running."""


@runtime_checkable
class AsksByApplets(VoiceProvider, Protocol):
    """One whose accounts may have a flow built there, the applets of which ask what they are to do."""

    def own_id(self, hook: WebhookRequest) -> str:
        """Return the id of ours that a call was placed with, empty where a webhook brings none; pure."""

    def applets(self, orders: Sequence[Order]) -> Sequence[Applet]:
        """Return a turn as applets, one at least; pure."""

    def applet_reports(self, applet: str, hook: WebhookRequest) -> Sequence[Report]:
        """Return what is told of an applet once it is over; pure."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an adapter is besides, None for what it is not."""

    commanded: Commanded | None
    tells_price: TellsPrice | None
    tells_of_legs: TellsOfLegs | None
    writes_down: WritesDown | None
    asks_by_applets: AsksByApplets | None


def abilities(adapter: VoiceProvider) -> Abilities:
    """Return what an adapter is besides; to be kept, for looking takes longer than most of what a webhook needs."""
    return Abilities(
        adapter if isinstance(adapter, Commanded) else None, adapter if isinstance(adapter, TellsPrice) else None,
        adapter if isinstance(adapter, TellsOfLegs) else None, adapter if isinstance(adapter, WritesDown) else None,
        adapter if isinstance(adapter, AsksByApplets) else None,
    )  # fmt: skip
