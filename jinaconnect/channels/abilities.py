"""What a channel may be able to do besides: each ability is a protocol of its own, and a channel has it or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from jinaconnect.channels.base import Account, WebhookRequest
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.status import Report


@dataclass(frozen=True, slots=True)
class Review:
    """What became of a template handed in: its status in our words and the carrier's id, or why it was not taken.

    `reason` is why it was rejected, `samples` what the carrier knows those files by that it was given on the way: that
    of the header (None) and those of cards by their places.
    """

    status: str | None = None
    carrier_id: str | None = None
    error: str | None = None
    reason: str | None = None
    samples: Mapping[int | None, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """A file that a template is to be reviewed with, or a message to be sent with."""

    name: str
    mime: str
    body: bytes


@runtime_checkable
class MayBeOff(Protocol):
    """A channel that an operator has to turn on."""

    off: str | None
    """Why there is none of it, None where it is on."""


@runtime_checkable
class ReviewsTemplates(Protocol):
    """A channel whose carrier reviews templates."""

    async def submit(self, account: Account, template: Mapping[str, Any]) -> Review:
        """Hand in a template; an outage is an error told, never raised."""


@runtime_checkable
class TakesFiles(Protocol):
    """A channel whose carrier is given files beforehand: samples for reviews, and what messages show."""

    async def give_sample(self, account: Account, file: Sample) -> str:
        """Give a file to be reviewed with a template, and return its handle; raises CarrierFailed, OutboundError."""

    async def give_file(self, account: Account, file: Sample) -> str:
        """Give a file to be sent, and return the id that messages name it by; raises CarrierFailed, OutboundError."""


@runtime_checkable
class TellsReviews(Protocol):
    """A channel whose carrier is asked what has become of a template, and takes one back."""

    async def look(self, account: Account, template: Mapping[str, Any]) -> Review:
        """Return what has become of a template that was handed in; an outage is an error told, never raised."""

    async def withdraw(self, account: Account, template: Mapping[str, Any]) -> str | None:
        """Have a template be no more at the carrier; return why it is not, None where it is done."""

    def handed_in(self, template: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the carrier is given of a template."""


@runtime_checkable
class ListsTemplates(Protocol):
    """A channel whose carrier tells which templates an account has there."""

    async def templates(self, account: Account) -> list[Mapping[str, Any]]:
        """Return them by the names we keep templates under; one that we have no form for has a `fault` in words.

        Raises CarrierFailed, OutboundError.
        """


@dataclass(frozen=True, slots=True)
class Written:
    """A simulated customer's message on its way: the webhook to post, and the carrier's id of the message."""

    hook: WebhookRequest
    carrier_id: str


@runtime_checkable
class TellsAccount(Protocol):
    """A channel whose carrier tells of an account how it stands."""

    async def account_info(self, account: Account) -> Mapping[str, Any]:
        """Return what is told: `messaging_limit`, `phone_quality` and others of the names that lists of it show.

        Raises CarrierFailed, OutboundError.
        """


@runtime_checkable
class Simulates(Protocol):
    """A channel with a simulated carrier, for test mode and demonstrations."""

    def simulated_account(self, number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return (fields, credentials) of a simulated account; `number` is its own, `secret` makes its secrets."""

    def customer_writes(
        self, account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
    ) -> Written:
        """Return what the carrier posts when a customer writes."""

    def reported(self, account: Account, data: Mapping[str, Any]) -> WebhookRequest:
        """Return the signed webhook of a report that the simulated carrier has planned."""


@dataclass(frozen=True, slots=True)
class Connected:
    """What a carrier told of an account: `fields` of its document, and `credentials` to seal with those given."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


@runtime_checkable
class Revokes(Protocol):
    """A channel whose carrier takes back messages that were not delivered yet."""

    async def revoke(self, account: Account, to: Address, carrier_id: str) -> None:
        """Take a message back; raises CarrierFailed, OutboundError."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a number is reached, and what its telephone can show."""

    number: str
    reached: bool
    features: tuple[str, ...] = ()


@runtime_checkable
class ChecksReach(Protocol):
    """A channel whose carrier can be asked who is reached by it."""

    async def reach(self, account: Account, numbers: Sequence[str]) -> list[Reach]:
        """Return what is known of each number; raises CarrierFailed, OutboundError."""


@runtime_checkable
class TellsReports(Protocol):
    """A channel whose carrier can be asked what became of a message."""

    async def report_on(self, account: Account, carrier_id: str) -> Report | None:
        """Return what the carrier knows by now, None for nothing that says more than that it was sent.

        Raises CarrierFailed, OutboundError.
        """


@runtime_checkable
class FallsBack(Protocol):
    """A channel that does not reach everybody, in whose place another platform does."""

    falls_back_to: str

    def fallback_text(self, content: Mapping[str, Any]) -> str:
        """Return what a text says in place of a message, empty for nothing."""


@runtime_checkable
class Acknowledges(Protocol):
    """A channel whose carrier waits to hear that something a customer did has been seen."""

    async def acknowledge(self, account: Account, handle: Mapping[str, Any]) -> None:
        """Tell the carrier; raises CarrierFailed, OutboundError where another try may help."""


@runtime_checkable
class Provisions(Protocol):
    """A channel whose carrier is asked about an account, and told where its webhooks go."""

    async def connect(self, account: Account, url: str) -> Connected:
        """Check the account at its carrier and have its webhooks posted to `url`; once more is the same as once.

        Raises Invalid naming the credential that the carrier refuses, CarrierFailed, OutboundError.
        """

    async def disconnect(self, account: Account) -> None:
        """Have its webhooks posted no more; raises CarrierFailed, OutboundError."""


@runtime_checkable
class TakesRegistered(Protocol):
    """A channel whose carrier takes, at least for some, only texts that are registered word for word."""

    def registered_only(self, account: Account, to: Address) -> bool:
        """Tell whether an account may send somebody registered texts only; pure."""
