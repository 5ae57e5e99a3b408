"""What every text carrier's adapter speaks in: accounts, outcomes of a send, and facts from a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.status import Report


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant's account at a carrier, opened for use.

    `address` is what the carrier routes by (for WhatsApp the phone number id), `secrets` its credentials; `simulated`
    accounts never leave the program.
    """

    id: str
    tenant: str
    scope: str
    address: str
    business: str
    phone: str
    base_url: str
    version: str
    simulated: bool
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier took the message under this id."""

    carrier_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier did not take it; `again` says whether another try can help, `retry_after` (seconds) when."""

    code: str
    message: str
    again: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request went out and no answer came; only a status report will tell."""

    reason: str


Outcome = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Inbound:
    """A customer's message: `type` and `content` in the inbox's words, `media` the carrier's handle of a file.

    `sender` is what the carrier names the writer by, `known_as` what else they are known by there, `username` a name
    of their own choice that is no address. `group` is the group it was said in. A `quiet` one asks for nothing: it
    does not count as unread. `raw` is the carrier's own object, kept with the message.
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
    """A report on a message of ours, found by the carrier's id or by the reference we sent along."""

    account_address: str
    carrier_id: str
    reference: str | None
    report: Report


@dataclass(frozen=True, slots=True)
class TemplateReport:
    """The carrier's word on a template of a business account."""

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
class Unreadable:
    """An item of a webhook whose shape is not what the carrier describes; `reason` says what was met."""

    account_address: str
    reason: str


Fact = Inbound | Echo | Edit | Reaction | Status | TemplateReport | Unreadable


class Channel(Protocol):
    """A text carrier."""

    async def send(self, account: Account, to: Address, message: Mapping[str, Any]) -> Outcome:
        """Send one message; the message's id goes along as the reference."""

    def parse(self, payload: Mapping[str, Any]) -> list[Fact]:
        """Return what a webhook tells; pure, never raises on parts it does not know."""
