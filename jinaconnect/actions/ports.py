"""What operations use of the parts that live as long as the process: a port each, described below who implements it.

Nothing here knows an implementation. `app.py` builds all of them and hands them out as `ctx.ports`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from jinaconnect.actions.worker import Worker
from jinaconnect.channels.base import Account, WebhookReply, WebhookRequest
from jinaconnect.channels.table import Channels
from jinaconnect.config import Asterisk
from jinaconnect.core import webhook
from jinaconnect.core.calls.transcript import Heard
from jinaconnect.core.errors import Conflict
from jinaconnect.core.principal import Mode, Principal
from jinaconnect.mail import Mailer
from jinaconnect.outbound import Outbound
from jinaconnect.printing.printer import Printer
from jinaconnect.realtime.hub import Hub
from jinaconnect.realtime.live import Live
from jinaconnect.records import Records
from jinaconnect.sheets.workbooks import Workbooks
from jinaconnect.store.coordination.limits import Verdict
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.switch import Switch, Take
from jinaconnect.telephony.trunks.pjsip import ConfigObject

T = TypeVar("T")
Answer = dict[str, Any]


# ---- who asks


class Authenticator(Protocol):
    """Tells who somebody is, by a token of ours or an API key."""

    async def from_header(self, header: str | None, ip: str) -> Principal:
        """Return the principal of an `Authorization` header; raises NotAuthenticated and its kin."""

    async def from_token(self, token: str, ip: str) -> Principal:
        """Return the principal of a JWT or API key."""

    async def standing(self, kind: str, id: str, tenant: str, mode: Mode) -> Principal:
        """Return what a member or key of a tenant may do now, for what works on in their name.

        Raises NotAuthenticated where they may nothing any more, PermissionDenied while the organisation is suspended
        or they have no role.
        """

    def claims(self, token: str, kind: str) -> dict[str, Any]:
        """Return the claims of a JWT of ours; raises AuthenticationFailed, TokenExpired."""

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a signed JWT."""


class Rates(Protocol):
    """Counts requests against every budget they fall under."""

    async def check(
        self, principal: Principal | None, ip: str, write: bool, plan: Mapping[str, int], *, order: bool = False
    ) -> Verdict:
        """Count one request where it is allowed, and return the verdict of the tightest budget."""

    async def spend(self, principal: Principal | None, ip: str, *, write: bool, order: bool = False) -> None:
        """Count one request; raises Throttled where a budget is used up."""

    async def guarded(self, attempt: Awaitable[T], ip: str) -> T:
        """Await an authentication; one that fails counts against the address. Raises Throttled too."""

    async def handshake(self, ip: str) -> Verdict:
        """Count a socket that is being opened from an address."""

    async def follow(self, ip: str) -> None:
        """Count a link that is followed from an address; raises Throttled."""

    async def login(self, ip: str, name: str) -> Verdict:
        """Count a login attempt for an account from an address."""

    async def letter(self, ip: str, address: str) -> Verdict:
        """Count a letter that somebody at an IP address asks for to a mail address."""


# ---- messages


class Accounts(Protocol):
    """Opens channel accounts for use."""

    def open(self, doc: Mapping[str, Any]) -> Account:
        """Return an account document opened for use; raises NotFound for one of a channel there is not."""

    async def of_door(self, tenant: str, channel: str) -> list[Account]:
        """Return a tenant's active accounts on a channel, in both modes."""

    async def taken_in(self, tenant: str, channel: str, ids: Collection[str]) -> dict[str, Account]:
        """Return accounts that a webhook was taken in for, by id: those turned off or removed since then as well."""

    def changed(self, tenant: str) -> None:
        """Forget what is kept of a tenant: one of its accounts has changed."""


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a webhook that came in."""

    status: str
    event_id: str | None = None
    event_type: str | None = None
    reason: str | None = None


class MessageHooks(Protocol):
    """Takes the webhooks of channels."""

    async def greet(self, channel: str, tenant: str, hook: WebhookRequest) -> WebhookReply | None:
        """Return the answer to a carrier that asks whether we are there, None where it does not fit an account."""

    async def tenant_of(self, channel: str, account: str) -> str:
        """Return whose an account on a channel is, for doors that name the account; raises NotFound."""

    async def behind(self, platform: str, account: str) -> tuple[str, str] | None:
        """Return (channel, tenant) of an active account of a platform, None where there is none."""

    async def receive(self, channel: str, tenant: str, hook: WebhookRequest) -> Received:
        """Verify and take one webhook; raises BadSignature, Malformed, NotFound, Unavailable."""

    async def again(self, scope: str, id: str) -> None:
        """Apply once more what is kept of a webhook that could not be applied, and note what came of it."""


# ---- money


class Payments(Protocol):
    """The provider that recharges are paid at."""

    async def order(self, amount: int, currency: str, receipt: str) -> str:
        """Make an order over so many of the currency's smallest unit and return its id.

        Raises NotSupported without an account, CarrierRefused, CarrierFailed, CarrierTimeout.
        """

    def paid(self, order: str, payment: str, signature: str) -> bool:
        """Tell whether a checkout's signature fits its order and payment."""

    def posted(self, body: bytes, signature: str) -> bool:
        """Tell whether a webhook's signature fits its bytes."""


# ---- calls


class Unsupported(Conflict):
    """What carries the call cannot do this."""

    code = "unsupported"


class RecordingMissing(Exception):
    """There is no such recording where the call was carried."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a call over an account could be dialled at once; where not, `code` and `text` say what is in the way."""

    ready: bool = True
    code: str = ""
    text: str = ""
    retry_after: float = 0


class CallControl(Protocol):
    """Carries calls: on a switch of ours (`actions/live`) or at an HTTP voice carrier (`actions/hosted`).

    `account` is a provider config, `call` a stored call. Nothing above knows which of the two it is.
    """

    async def standing(self, account: Document) -> Standing:
        """Tell whether calls can be placed over an account now."""

    def place(self, call: Document) -> None:
        """Have a recorded call placed now; returns at once, what follows is told by events."""

    async def order(
        self, call: Document, action: str, body: Mapping[str, Any], actor: Mapping[str, str], id: str
    ) -> Answer:
        """Have a live call do something; raises what it raises, Conflict when it is over, Unsupported.

        `id` is the order's: given again by a request that is run again, it is carried out once.
        """

    async def recording(self, call: Document, name: str, take: Take) -> None:
        """Give the audio of a recording that has ended to `take`, piece by piece.

        Raises RecordingMissing, CarrierFailed, Unavailable, and whatever `take` raises.
        """

    async def written_down(self, call: Document, at: str) -> Heard:
        """Return what the carrier has written down of a recording, which it keeps at an address.

        Raises RecordingMissing where there is nothing, CarrierFailed, Unavailable.
        """

    async def forget_recording(self, call: Document, name: str) -> None:
        """Remove a recording that is kept from where it was made; raises CarrierFailed, Unavailable."""


class CallControls(Protocol):
    """Finds what carries a call."""

    def over(self, account: Document) -> CallControl:
        """Return what places calls over a provider config; raises NotSupported where nothing does."""

    def carrying(self, call: Document) -> CallControl:
        """Return what carries a stored call."""


@dataclass(frozen=True, slots=True)
class Probe:
    """How a trunk's carrier took an OPTIONS, and how its registration stands where that was looked for."""

    ok: bool
    rtt_ms: float | None
    registration: str | None


class Switches(Protocol):
    """The deployment's telephony: its Asterisks, and the sandbox's simulated switch."""

    asterisks: Mapping[str, Asterisk]

    async def standing(self, name: str | None) -> bool:
        """Tell whether calls can be placed on a switch now."""

    async def trunk_changed(self, scope: str, id: str) -> None:
        """Bring a changed or removed trunk to its Asterisk."""

    async def device_changed(self, scope: str, id: str) -> None:
        """Bring a changed or removed telephone to its Asterisk."""

    async def device_state(self, device: Document) -> str:
        """Return whether a telephone is registered: registered, unregistered or unknown."""

    async def probe(
        self, name: str, objects: Sequence[ConfigObject], registration: tuple[str, str] | None
    ) -> Probe:
        """Have an Asterisk ask a trunk's carrier now; `registration` are the addresses it would be known by.

        `objects` are the trunk's, pushed or not; any process may ask. Raises Unavailable.
        """

    def switch(self, name: str) -> Switch:
        """Return a switch by name; raises Unavailable for one that is not configured any more."""

    async def sandbox_call(self, scope: str, called: str | None, caller: str, keys: str) -> str | None:
        """Have a simulated customer call a tenant; returns the call's id, None where it was refused."""


class VoiceHooks(Protocol):
    """Takes the webhooks of HTTP voice carriers."""

    async def receive(
        self, provider: str, account: str, kind: str, given: webhook.WebhookRequest
    ) -> webhook.WebhookReply:
        """Take one webhook and answer it; raises PermissionDenied, Malformed, Unavailable."""

    async def check(self, account: Document) -> dict[str, Any]:
        """Ask an account's carrier whether it knows it: `ok`, `rtt_ms`, `sip_code`, `error`.

        Raises InvalidState without credentials, Unavailable.
        """

    async def knows(self, account: Document) -> bool | None:
        """Ask an account's carrier whether it knows its credentials; None where it does not answer.

        Raises Invalid on `credentials` where it does not know them.
        """

    async def sandbox_call(self, scope: str, called: str | None, caller: str, keys: str) -> tuple[str | None] | None:
        """Have a simulated customer call a number at a simulated HTTP carrier, None where it is at none.

        Returns the call's id, None in it where it was refused.
        """

    async def close(self) -> None:
        """End what is simulated."""

    def inbound_url(self, account: Document) -> dict[str, Any]:
        """Return the address an account's carrier is given for calls that come in; raises InvalidState."""


class Prompts(Protocol):
    """Keeps prompts, and serves them under names of its own."""

    def named(self, name: str) -> tuple[str, str]:
        """Return (scope, blob) of a name we gave; raises NotFound for any other."""

    async def keep(self, scope: str, data: bytes, mark: str = "") -> tuple[str, bytes]:
        """Keep audio as a prompt; returns its digest and the WAV. Raises AudioError."""

    async def drop(self, scope: str, digest: str) -> None:
        """Remove a prompt's WAV."""


# ---- the program itself


class Readiness(Protocol):
    """Tells whether requests can be served."""

    async def checks(self) -> dict[str, str]:
        """Return what answers and what does not; raises Unavailable without the database."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All of them; `loopback` is the client for requests to ourselves."""

    worker: Worker
    auth: Authenticator
    rates: Rates
    channels: Channels
    accounts: Accounts
    message_hooks: MessageHooks
    calls: CallControls
    switches: Switches
    voice_hooks: VoiceHooks
    prompts: Prompts
    hub: Hub
    live: Live
    readiness: Readiness
    payments: Payments
    mailer: Mailer
    printer: Printer
    workbooks: Workbooks
    records: Records
    loopback: Outbound
