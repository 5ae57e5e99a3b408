"""What a text channel is: the seam between the use cases and a carrier.

A channel turns content in the inbox's words into what its carrier is sent, says whose a webhook is and what it tells,
and fetches files. It knows nothing of the store and of use cases; they know nothing of it but this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, urlsplit

from jinaconnect.channels.facts import Fact
from jinaconnect.channels.pace import UNHURRIED, Pace
from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import CarrierFailed, Malformed
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.lenient import read_json
from jinaconnect.outbound import Outbound
from jinaconnect.store.blobs import Spool
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Due

SIMULATED_JOB = "sandbox.webhook"  # a report that a simulated carrier has planned: `{account, …}` of its own


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """What is to be known of a channel without asking it.

    `name` is its row in the table, `platform` and `provider` name it on accounts and messages. Of an account's
    credentials, `secrets` are kept from everybody and have at least so many characters, `settings` say how to reach
    the carrier, `presented` are the secrets that go along with requests (none named: all of them). `account_address`
    and `business_account` are the account's fields that webhooks name it by (`_id` where their path does), `fields`
    what else its accounts have. `headers` are those of a webhook that its reading needs again after its signature was
    checked, `taken` is what its carrier wants to hear then. A channel without `receipts` is told nothing of a message
    after its send: SENT is its last state. One whose reports come `reported_within` a time is looked after until then
    (`actions/messaging/silent.py`). `pace` is how fast its carrier lets an account send. An `idempotent` carrier
    takes a second send of one reference for the first. One with `own_keywords` tells by itself of words to stop and to
    start again (`Keyword`, `Preference`), which are answered. `webhook_path` has places for `{channel}`, `{tenant}` and
    `{account}`; one without `{account}` is the same for all of a tenant's accounts.
    """

    name: str
    platform: str
    provider: str
    label: str
    secrets: Mapping[str, int]
    settings: tuple[str, ...] = ()
    account_address: str = "address"
    business_account: str = "business"
    fields: tuple[str, ...] = ()
    presented: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    webhook_path: str = "/hooks/{channel}/{tenant}/"
    receipts: bool = True
    reported_within: timedelta | None = None
    taken: WebhookReply | None = None
    pace: Pace = UNHURRIED
    idempotent: bool = False
    own_keywords: bool = False

    @property
    def named_by(self) -> tuple[str, ...]:
        """The fields of an account's document that webhooks name it by."""
        return tuple(name for name in (self.business_account, self.account_address) if name != "_id")

    def path(self, tenant: str, account: str) -> str:
        """Return where an account's webhooks come in."""
        return self.webhook_path.format(channel=self.name, tenant=tenant, account=account)


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant's account at a carrier, opened for use.

    `address` is what the carrier routes by (for a phone channel its number's id), `simulated` accounts never leave the
    program, and in `chaos` their carrier reports as badly as any does. `fields` are those that its channel's accounts
    have besides, `app` is the id of the carrier's app that it is used
    through. It sends `daily_limit` messages a day, and is the first to write to as many people as its `tier` says.
    """

    id: str
    tenant: str
    scope: str
    channel: str
    address: str
    business: str
    phone: str
    simulated: bool
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict)
    chaos: bool = False
    daily_limit: int = 1_000
    tier: str = "NOT_SET"
    app: str = ""


# --- sending -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """An approved template and the values for its places, in the parameters its carrier describes.

    `registered` are the ids it has at its carrier and in registers of texts, `form` is what it consists of besides its
    text, as it was written. `cards` are the parameters of a carousel's cards by their places, `sections` the products
    shown of the catalogue `catalog`, `links` where files of ours are (of the header None, of cards by place), `expires`
    when an offer ends, in Unix milliseconds.
    """

    id: str
    name: str
    language: str
    content: str
    header: Sequence[Mapping[str, Any]] = ()
    body: Sequence[Mapping[str, Any]] = ()
    buttons: Sequence[Mapping[str, Any]] = ()
    category: str = ""
    registered: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    cards: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    sections: Sequence[Mapping[str, Any]] = ()
    catalog: str | None = None
    links: Mapping[int | None, str] = field(default_factory=dict)
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is to be sent: `content` in the inbox's words, or a `template`.

    `native` is a carrier's own object, for what those words have no form for; `content` then says what the team sees of
    it. `reply_to` is the carrier's id of the message answered, `to` whom it goes to where that is known.
    """

    content: Mapping[str, Any]
    template: TemplateUse | None = None
    native: Mapping[str, Any] | None = None
    reply_to: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    to: Address | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """A message made ready: `wire` is for its send alone, `content` and `type` are what everybody sees.

    `segments` is into how many its carrier cuts it, None where it counts none.
    """

    wire: Mapping[str, Any]
    content: Mapping[str, Any]
    type: str
    segments: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier took the message under this id; `known_as` is what else it calls whom it goes to.

    `moved_to` is where whom it goes to is reached from now on, in place of the address it was sent to.
    """

    carrier_id: str
    known_as: tuple[Address, ...] = ()
    moved_to: Address | None = None


Cause = Literal["rate", "auth", "unreachable", "early"]
"""Why a carrier refuses, where it says more than that it does: the account sends too fast, its credentials are not
good, or whom it goes to takes nothing from it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier did not take it; `again` says whether another try can help, `retry_after` (seconds) when.

    `opted_out` tells that the customer wants no message of this kind. With the cause `rate` the wait is the whole
    account's, however long that lasts; what was `early` would be taken within the hours of its kind.
    """

    code: str
    message: str
    again: bool = False
    retry_after: float | None = None
    opted_out: bool = False
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request went out and no answer came; only a status report will tell."""

    reason: str


Outcome = Accepted | Refused | Unknown


# --- webhooks ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WebhookRequest:
    """A webhook as it came: what is stored, so that it can be read again.

    `url` is the address its carrier was given, with its query as it was written; `headers` have names in lower case.
    """

    body: bytes
    method: str = "POST"
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def json(self) -> Any:
        """The body as JSON; raises Malformed."""
        try:
            return read_json(self.body)
        except ValueError as error:
            raise Malformed("The body is not valid JSON.") from error

    @cached_property
    def form(self) -> Mapping[str, str]:
        """The body as form fields, the last of each name; raises Malformed."""
        try:
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=1_000))
        except ValueError as error:
            raise Malformed("The body is not a valid form.") from error

    def part(self, place: int) -> str:
        """Return a part of the address's path, empty where there is none; -1 is the last."""
        parts = urlsplit(self.url).path.strip("/").split("/")
        return parts[place] if -len(parts) <= place < len(parts) else ""

    def row(self, headers: Sequence[str]) -> dict[str, Any]:
        """Return the fields it is stored as, with those of its headers; signatures and credentials are not kept."""
        kept = {name: self.headers[name] for name in headers if name in self.headers}
        return {
            "method": self.method, "url": self.url, "headers": kept, "query": dict(self.query), "body": self.body,
        }  # fmt: skip

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> WebhookRequest:
        """Return a stored one; rows of earlier versions have a body alone."""
        return cls(
            row["body"], row.get("method", "POST"), row.get("url", ""), row.get("headers") or {}, row.get("query") or {}
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """Whose a webhook is: `accounts` whose secret signed it and that it speaks to; with none, `reason` says why.

    Webhooks of one `lane` are applied in order; what one customer does stays in one. `kind` is told in the answer.
    """

    accounts: tuple[str, ...]
    kind: str = "UNKNOWN"
    lane: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """An answer that a carrier wants before it sends webhooks."""

    body: str
    content_type: str = "text/plain; charset=utf-8"


class FileRefused(CarrierFailed):
    """The carrier will not give a file out, now or later."""


class FileMissing(CarrierFailed):
    """The carrier has no such file: if it is not late, it is gone."""


def no_file(status: int, what: str) -> CarrierFailed:
    """Return what an answer that is no file means, by its status; `what` says it in words."""
    return FileMissing(what) if status in (403, 404, 410) else CarrierFailed(what)


# --- the channel ---------------------------------------------------------------------------------------------------


class Channel(Protocol):
    """A text channel: one folder, one row in the table."""

    spec: ChannelSpec

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return a message as the carrier takes it; pure. Raises Invalid naming the field it cannot show."""

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send a composed message; the reference goes along where the carrier reports with it.

        May raise what `outbound` raises: that is an outcome too, known to whoever asked.
        """

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose a webhook is, of a tenant's accounts on this channel; pure. Raises BadSignature, Malformed."""

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return what a webhook tells; pure, works on a stored one too, never raises on parts it does not know."""

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """Return the answer to a carrier that asks whether we are there, None where it does not fit an account."""

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """Fetch a file a customer sent and return its media type; raises CarrierFailed, OutboundError."""


class SimulatedAccounts(Protocol):
    """Finds the simulated account behind a carrier's address."""

    async def simulated(self, address: str) -> Account | None:
        """Return it, None where there is none."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a channel may be built with: the client for requests, the operator's settings by channel, where carriers
    reach this gateway (`url`), and what its simulated carrier needs; `planned` is told of the jobs it stores, `chaos`
    says that this reports as badly as any does."""

    outbound: Outbound
    due: Due
    clock: Clock
    accounts: SimulatedAccounts
    planned: Callable[[Document], None]
    settings: Mapping[str, Mapping[str, str]]
    url: str
    chaos: bool = False
