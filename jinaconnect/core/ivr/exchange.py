"""What goes into the IVR machine and what comes out: reports of the call, orders to it, a trail of what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jinaconnect.core.ivr.graph import Graph
from jinaconnect.core.ivr.values import Scalar

# ---- reports: `turn` is the state's turn when the order was given; a report of an earlier turn is ignored.


@dataclass(frozen=True, slots=True)
class PromptDone:
    """All prompts of the last order have been played, or could not be."""

    turn: int | None = None
    played: bool = True


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key, counted once."""

    digit: str


@dataclass(frozen=True, slots=True)
class Terminated:
    """The caller closed their keys with the terminator, told by a carrier that does not hand that key on."""

    turn: int | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """`patience` ran out."""

    turn: int | None = None


@dataclass(frozen=True, slots=True)
class SpeechDone:
    """The caller's words, empty when nothing was understood."""

    text: str
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class RecordDone:
    """The recording has ended; `empty` when nothing was said. What is not `known` yet may still come."""

    turn: int | None = None
    empty: bool = False
    known: bool = True


@dataclass(frozen=True, slots=True)
class TransferDone:
    """The other party answered, or did not; `talk_seconds` where the carrier tells how long they talked."""

    answered: bool
    turn: int | None = None
    talk_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class HttpDone:
    """The web service answered (`value`: its JSON or text) or failed."""

    ok: bool
    value: Any = None
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class TemplateLoaded:
    """The graph that was asked for, None when there is no such template."""

    graph: Graph | None
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    """The call is over."""


@dataclass(frozen=True, slots=True)
class KeysSoFar:
    """More keys may come, in the next document: said after the digits of one that took only some."""

    turn: int | None = None


@dataclass(frozen=True, slots=True)
class RecordRunning:
    """The document has come to its end and the recording is not known yet, for the `asked`th time."""

    asked: int
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class Ongoing:
    """Something happened in the midst of a document, which goes on: there is nothing to answer."""

    turn: int | None = None


Report = (
    PromptDone | Digit | Terminated | Silence | SpeechDone | RecordDone | TransferDone | HttpDone | TemplateLoaded
    | CallerHungUp | KeysSoFar | RecordRunning | Ongoing
)  # fmt: skip


# ---- orders


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a text."""

    text: str
    voice: str | None = None
    language: str | None = None
    barge_in: bool = False


@dataclass(frozen=True, slots=True)
class PlayAudio:
    """Play a recording from a URL or a path of this gateway."""

    url: str
    barge_in: bool = False


@dataclass(frozen=True, slots=True)
class StopPrompt:
    """Stop what is being played."""


@dataclass(frozen=True, slots=True)
class Collect:
    """Take keys, `collected` being there already.

    Silence is due after `first_timeout_s` without a first key and after `inter_digit_s` without a further one, as
    `machine.patience` tells.
    """

    min_digits: int
    max_digits: int
    terminators: str
    first_timeout_s: float
    inter_digit_s: float
    collected: str = ""


@dataclass(frozen=True, slots=True)
class Listen:
    """Take the caller's words."""

    language: str
    timeout_s: float


ENDS_RECORDING = "#"  # the one key that every carrier can be told to end a recording by


@dataclass(frozen=True, slots=True)
class StartRecord:
    """Record the caller, until they press `ENDS_RECORDING`."""

    max_duration_s: int
    finish_on_silence_s: float | None
    beep: bool


@dataclass(frozen=True, slots=True)
class AwaitRecord:
    """Wait until a recording is known, `asked` times so far: where the carrier tells of it later than it ends."""

    asked: int


@dataclass(frozen=True, slots=True)
class StartTransfer:
    """Call `to` and bridge it with the caller; given again after a restart, the same leg is meant."""

    to: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Be silent for some seconds, which `machine.patience` tells as well."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AskHttp:
    """Ask a web service through the guarded client."""

    method: str
    url: str
    body: Any
    timeout_s: float


@dataclass(frozen=True, slots=True)
class LoadTemplate:
    """Find the graph of a template of the same tenant; later steps are made on it."""

    template: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call with a canonical cause."""

    cause: str


Order = (
    Say | PlayAudio | StopPrompt | Collect | Listen | StartRecord | AwaitRecord | StartTransfer | Pause | AskHttp
    | LoadTemplate | HangUp
)  # fmt: skip


# ---- trail


@dataclass(frozen=True, slots=True)
class Entered:
    """A node was entered."""

    node: str
    kind: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """A variable was set at a node."""

    node: str
    name: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A recording was passed over, as this call must not be recorded."""

    node: str


Trace = Entered | Assigned | Suppressed
