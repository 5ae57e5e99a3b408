"""The graph of an IVR: node types with their data, edges with the outcome they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from jinaconnect.core.calls.dtmf import DIGITS
from jinaconnect.core.ivr import values

MAX_NODES = 200
MAX_VISITS = 20
MAX_GRAPH_BYTES = 262_144
MAX_BODY_BYTES = 4_096

DONE, TIMEOUT, INVALID, DEFAULT = "done", "timeout", "invalid", "default"
EMPTY, HUNG_UP = "empty", "hangup"

MAX_BODY_DEPTH = 10

# The host is written out, so that what a caller types cannot choose whom we ask.
_WEB = re.compile(r"https?://[^\s{}/?#@\\]+([/?#]|$)")
_PATH = re.compile(r"/(?!/)")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\{}]")
_E164 = re.compile(r"\+[1-9][0-9]{5,14}")
_SIP = re.compile(r"sips?:[A-Za-z0-9_.!~*'()&=+$,%#-]+@[A-Za-z0-9.:\[\]-]+(;[A-Za-z0-9_.=+%-]+)*")


def is_target(text: str) -> bool:
    """Tell whether a call can be transferred to `text`: an E.164 number with `+` or a SIP address (RFC 3261 §19.1)."""
    return len(text) <= 255 and (_E164.fullmatch(text) or _SIP.fullmatch(text)) is not None


def _placeholders(text: str) -> str:
    bad = values.bad_placeholders(text)
    if bad:
        raise ValueError(f"bad placeholder: {', '.join(bad)}; write {{{{name}}}}")
    return text


def _target(text: str) -> str:
    if not is_target(values.PLACEHOLDER.sub("1234567", text)) and not values.PLACEHOLDER.fullmatch(text):
        raise ValueError("must be an E.164 number such as +12025550101 or a sip: address")
    return text


def _audio(url: str) -> str:
    return _characters(url) if _PATH.match(url) else _web(url)


def _web(url: str) -> str:
    if not _WEB.match(url):
        raise ValueError("must begin with http:// or https:// and a host without placeholders or a password")
    return _characters(url)


def _characters(url: str) -> str:
    if _NOT_IN_URL.search(values.PLACEHOLDER.sub("", url)):
        raise ValueError("must not hold blanks, control characters, braces or backslashes")
    return url


def _name(text: str) -> str:
    if not values.NAME.fullmatch(text):
        raise ValueError("must be a name: a letter or _, then letters, digits or _, at most 64")
    return text


def _bytes(text: str) -> str:
    if len(text.encode(errors="surrogatepass")) > values.MAX_TEXT:
        raise ValueError(f"must have at most {values.MAX_TEXT} bytes")
    return text


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return _placeholders(_bytes(value))
    if value is not None and not isinstance(value, bool | int | float):
        raise ValueError("must be a text, a number, true, false or null")
    return value


def _values(value: Any) -> Any:
    return [_value(item) for item in value] if isinstance(value, list) else _value(value)


def _one_key(text: str) -> str:
    if text and (len(text) != 1 or text not in DIGITS):
        raise ValueError("must be one key of 0-9, A-D, * or #, or empty")
    return text


# `format` tells an editor what a text is: words to be said, or the id of another IVR.
Text = Annotated[
    str, AfterValidator(_bytes), AfterValidator(_placeholders), Field(json_schema_extra={"format": "words"})
]
Audio = Annotated[str, Field(max_length=512), AfterValidator(_placeholders), AfterValidator(_audio)]
Name = Annotated[str, AfterValidator(_name)]
Voice = Annotated[str, Field(max_length=64)]
Language = Annotated[str, Field(max_length=10, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$")]
Seconds = Annotated[float, Field(gt=0, le=120)]


class NodeData(BaseModel):
    """What a node type needs; keys of an editor (labels, positions) are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Spoken(NodeData):
    """The voice and language of a node's texts; without them the engine's own."""

    tts_voice: Voice | None = Field(default=None, title="Voice")
    tts_language: Language | None = Field(default=None, title="Language of the words")


class Play(Spoken):
    """`voice.play`: `audio_url` or `tts_text`; the recording is played where both are given."""

    model_config = ConfigDict(title="Say or play")

    audio_url: Audio | None = Field(default=None, title="Recording to play")
    tts_text: Text | None = Field(default=None, title="Words to say")


class GatherDtmf(Spoken):
    """`voice.gather_dtmf`: asks for keys; times in seconds, `retries` are further tries after the first."""

    model_config = ConfigDict(title="Ask for keys")

    max_digits: int = Field(ge=1, le=32, title="Most keys")
    timeout_seconds: Seconds = Field(title="Seconds until the first key")
    min_digits: int = Field(default=1, ge=0, le=32, title="Least keys")
    inter_digit_s: Seconds = Field(default=3.0, title="Seconds between keys")
    finish_on_key: Annotated[str, AfterValidator(_one_key)] = Field(default="", title="Key that ends")
    retries: int = Field(default=2, ge=0, le=10, title="Further tries")
    barge_in: bool = Field(default=True, title="Keys cut the prompt short")
    save_as: Name = Field(default="digits", title="Kept as variable")
    prompt_tts: Text | None = Field(default=None, title="Prompt: words to say")
    prompt_audio_url: Audio | None = Field(default=None, title="Prompt: recording to play")
    invalid_prompt_tts: Text | None = Field(default=None, title="After wrong keys: words to say")
    invalid_prompt_audio_url: Audio | None = Field(default=None, title="After wrong keys: recording to play")


class GatherSpeech(NodeData):
    """`voice.gather_speech`: listens for words and keeps them in `save_as`."""

    model_config = ConfigDict(title="Listen for words")

    language: Language
    timeout_seconds: Seconds = Field(title="Seconds until the first word")
    save_as: Name = Field(default="speech", title="Kept as variable")


class Record(NodeData):
    """`voice.record`: records the caller, until `finish_on_silence` seconds of silence where given.

    A recording of nothing goes on at `empty`, at `done` without such an edge; `hangup` is where a caller who hung up
    meanwhile leads, through nodes that need nobody (`set_variable`, `conditional`).
    """

    model_config = ConfigDict(title="Record the caller")

    max_duration_seconds: int = Field(ge=1, le=14_400, title="Seconds at most")
    finish_on_silence: Seconds | None = Field(default=None, title="Seconds of silence that end it")
    play_beep: bool = Field(default=True, title="Beep first")


class Transfer(NodeData):
    """`voice.transfer`: bridges the caller to an E.164 number or a SIP address."""

    model_config = ConfigDict(title="Connect with somebody")

    to_uri: Annotated[
        str,
        Field(max_length=255, title="Number or SIP address"),
        AfterValidator(_placeholders),
        AfterValidator(_target),
    ]


class Hangup(NodeData):
    """`voice.hangup`: ends the call."""

    model_config = ConfigDict(title="Hang up")


class SetVariable(NodeData):
    """`set_variable`: keeps a value, placeholders of a text replaced."""

    model_config = ConfigDict(title="Keep a value")

    name: Name
    value: Annotated[Any, AfterValidator(_value)]


class Conditional(NodeData):
    """`conditional`: compares a variable, as text; `lt` and `gt` as numbers; `matches` is a regular expression."""

    model_config = ConfigDict(title="Compare")

    variable: Name
    op: Literal["eq", "ne", "in", "lt", "gt", "matches"] = Field(title="How")
    value: Annotated[Any, AfterValidator(_values)]


class GotoTemplate(NodeData):
    """`goto_template`: goes on at the beginning of another template."""

    model_config = ConfigDict(title="Go on in another IVR")

    template: str = Field(pattern=r"^[A-Za-z0-9_:-]{1,64}$", title="IVR", json_schema_extra={"format": "ivr"})


class HttpCall(NodeData):
    """`http_call`: asks a web service; its answer is kept in `save_as`."""

    model_config = ConfigDict(title="Ask a web service")

    url: Annotated[str, Field(max_length=2_000, title="Address"), AfterValidator(_placeholders), AfterValidator(_web)]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    body: Any = None
    timeout_s: float = Field(default=5.0, gt=0, le=30, title="Seconds it may take")
    save_as: Name = Field(default="response", title="Answer kept as variable")


class Wait(NodeData):
    """`wait`: silence for some seconds."""

    model_config = ConfigDict(title="Wait")

    seconds: Seconds


NODE_TYPES: Mapping[str, type[NodeData]] = {
    "voice.play": Play,
    "voice.gather_dtmf": GatherDtmf,
    "voice.gather_speech": GatherSpeech,
    "voice.record": Record,
    "voice.transfer": Transfer,
    "voice.hangup": Hangup,
    "set_variable": SetVariable,
    "conditional": Conditional,
    "goto_template": GotoTemplate,
    "http_call": HttpCall,
    "wait": Wait,
}

_OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "voice.gather_dtmf": (TIMEOUT, INVALID, DEFAULT),
    "voice.record": (DONE, EMPTY, HUNG_UP),
    "voice.transfer": ("answered", "failed"),
    "conditional": ("true", "false"),
    "http_call": ("ok", "error"),
}
ENDLESS = frozenset({"voice.hangup", "goto_template"})


def outcomes(kind: str) -> tuple[str, ...]:
    """Return the `on` values of a node type; `voice.gather_dtmf` takes strings of keys besides."""
    return _OUTCOMES.get(kind, (DONE,))


def is_outcome(kind: str, on: str) -> bool:
    """Tell whether an edge with `on` may leave a node of a type."""
    keys = kind == "voice.gather_dtmf" and 1 <= len(on) <= 32 and all(key in DIGITS for key in on)
    return keys or on in outcomes(kind)


@dataclass(frozen=True, slots=True)
class Node:
    """A checked node: `kind` is its type."""

    id: str
    kind: str
    data: NodeData


@dataclass(frozen=True, slots=True)
class Graph:
    """A checked graph; `edges` maps a node and an outcome to the next node."""

    entry: str
    nodes: Mapping[str, Node]
    edges: Mapping[tuple[str, str], str]

    def follow(self, node: str, on: str) -> str | None:
        """Return where an outcome of a node leads, None for a dead end."""
        return self.edges.get((node, on))

    def branches_on_keys(self, node: str) -> bool:
        """Tell whether a node has an edge for certain keys, which makes all others invalid unless it has a default."""
        return any(source == node and on not in (TIMEOUT, INVALID, DEFAULT) for source, on in self.edges)


class NodeDocument(BaseModel):
    """A node as it is written."""

    id: str
    type: str
    data: dict[str, Any] = Field(default_factory=dict)


class EdgeDocument(BaseModel):
    """An edge as it is written; `on` may be left out where "done" is an outcome of the node."""

    source: str
    target: str
    on: str = DONE


class GraphDocument(BaseModel):
    """A graph as it is written; `core.ivr.check` tells all that is wrong with one."""

    entry_node_id: str
    nodes: list[NodeDocument]
    edges: list[EdgeDocument] = Field(default_factory=list)
