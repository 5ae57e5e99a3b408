"""What webhooks tell: each item as a value of its own, in the inbox's words, whatever carrier it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.status import Report

UNTIMED = datetime.fromtimestamp(0, UTC)  # when something was of which a carrier gives no time: when it came in


@dataclass(frozen=True, slots=True)
class Writer:
    """Who said something in a group."""

    address: Address
    name: str = ""
    known_as: tuple[Address, ...] = ()

    def row(self) -> dict[str, Any]:
        """Return the writer as a message keeps it."""
        return {"name": self.name, "address": self.address.text}


@dataclass(frozen=True, slots=True)
class Inbound:
    """A customer's message: `type` and `content` in the inbox's words, `media` the carrier's handle of a file.

    `sender` is what the carrier names the writer by, `known_as` what else they are known by there, `username` a name
    of their own choice that is no address. What was said in a group names it as `group`; it is the `sender` then, whose
    conversation it stands in, and `writer` who said it. A `quiet` one asks for nothing: it does not count as unread.
    `raw` is the carrier's own object, kept with the message. `acknowledge` is what the carrier waits to hear back of it
    (`Acknowledges`).
    """

    account_address: str
    carrier_id: str
    sender: Address
    name: str
    at: datetime
    type: str
    content: Mapping[str, Any]
    reply_to: str | None = None
    media: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    known_as: tuple[Address, ...] = ()
    username: str = ""
    group: str | None = None
    quiet: bool = False
    raw: Mapping[str, Any] | None = None
    unreadable: str | None = None
    writer: Writer | None = None
    acknowledge: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """A customer's reaction to a message; an empty emoji takes it back.

    `message` is how it stands in the conversation where the message it answers is not here.
    """

    account_address: str
    carrier_id: str
    target: str
    sender: Address
    emoji: str
    at: datetime
    message: Inbound | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """A report on a message of ours, found by the carrier's id or by the reference we sent along.

    `pricing` is the carrier's word on what it charges: `billable`, and the `category` it was billed as. `network_id` is
    what the network calls a message whose carrier has an id of its own for it.
    """

    account_address: str
    carrier_id: str
    reference: str | None
    report: Report
    pricing: Mapping[str, Any] | None = None
    network_id: str | None = None

    def row(self) -> dict[str, Any]:
        """Return it as it is kept, every field of it."""
        return asdict(self)

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Status:
        """Return what `row()` has kept."""
        return cls(**{**row, "report": Report(**row["report"])})


@dataclass(frozen=True, slots=True)
class TemplateReport:
    """The carrier's word on a template of a business account; `status` in our words, None where it tells none."""

    business_account_id: str
    carrier_id: str
    name: str
    language: str
    status: str | None
    reason: str | None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Echo:
    """A message the business sent by another way than through here (`by`), such as the carrier's own app."""

    account_address: str
    carrier_id: str
    to: Address
    at: datetime
    type: str
    content: Mapping[str, Any]
    by: str
    reply_to: str | None = None
    media: Mapping[str, Any] | None = None
    known_as: tuple[Address, ...] = ()
    group: str | None = None
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Other words for a message sent before, by who wrote it: `new` is its content now, None where it was taken back.

    `writer` is a customer, None where it is the business (`by_us`). `message` is how it stands in the conversation
    where the one it changes is not here.
    """

    account_address: str
    target: str
    at: datetime
    writer: Address | None
    new: Mapping[str, Any] | None
    message: Inbound | Echo
    known_as: tuple[Address, ...] = ()

    @property
    def by_us(self) -> bool:
        """Tell whether the business itself changed a message of its own."""
        return self.writer is None


@dataclass(frozen=True, slots=True)
class Preference:
    """What a customer told the carrier of marketing messages: to stop them, or to have them again."""

    account_address: str
    sender: Address
    name: str
    stop: bool
    at: datetime
    known_as: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Reachability:
    """Whether somebody takes messages of an account of ours, as the carrier tells by itself."""

    account_address: str
    sender: Address
    reachable: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Keyword:
    """A message that says nothing but a word to stop, to start again or for help, which its carrier left to us.

    `carrier_id` is the message's, which is answered once.
    """

    account_address: str
    carrier_id: str
    sender: Address
    word: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody is reached by another address from now on, in place of the one they had."""

    account_address: str
    before: Address
    after: Address


@dataclass(frozen=True, slots=True)
class AccountReport:
    """The carrier's word on accounts of ours: the kind of report, what happened, and its own details of it.

    It is about one account, or about all of a business account.
    """

    business_account_id: str
    account_address: str | None
    kind: str
    event: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item of a webhook whose shape is not what the carrier describes; `reason` says what was met."""

    account_address: str
    reason: str


Fact = (
    Inbound | Echo | Edit | Reaction | Status | Preference | Keyword | Reachability | Moved | TemplateReport
    | AccountReport | Unreadable
)  # fmt: skip
