"""What a use case is given: who asks, the tenant's data, ids and time; an operation is given the ports besides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jinaconnect.actions.ports import Ports
from jinaconnect.core.clock import Clock
from jinaconnect.core.cursor import Cursors, Position
from jinaconnect.core.events.event import Event, Visibility
from jinaconnect.core.ids import Ids
from jinaconnect.core.principal import Principal, parse_scope, system_principal
from jinaconnect.outbound import Outbound
from jinaconnect.store.billing.organisations import Organisations
from jinaconnect.store.billing.overview import Overview
from jinaconnect.store.billing.wallets import Wallets
from jinaconnect.store.blobs import Blobs
from jinaconnect.store.coordination.allowances import Allowances
from jinaconnect.store.coordination.idempotency import Idempotency
from jinaconnect.store.coordination.leases import Leases
from jinaconnect.store.coordination.switch_commands import SwitchCommands
from jinaconnect.store.coordination.switch_status import SwitchStatus
from jinaconnect.store.coordination.tickets import Tickets
from jinaconnect.store.coordination.turns import Turns
from jinaconnect.store.due import Due
from jinaconnect.store.identity.people import People
from jinaconnect.store.identity.registry import Registry
from jinaconnect.store.secrets.sealing import Secrets
from jinaconnect.store.store import Store
from jinaconnect.store.tenant import TenantStore, Written
from jinaconnect.store.webhook_queue import WebhookQueue


@dataclass(slots=True)
class Settings:
    """The settings use cases read; a cut of the configuration, so that no action reads a file."""

    public_url: str
    own_url: str
    access_ttl_s: int
    refresh_ttl_s: int
    retention_days: int
    max_upload_bytes: int
    metrics_token: str = field(default="", repr=False)
    demo: bool = False
    chaos: bool = False
    keep_withheld: bool = False
    supervisions: int = 20
    check_voice_credentials: bool = True
    mail_sender: str = "no-reply@localhost"
    frontend_url: str = ""
    build: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Services:
    """The store's floor, and what else everything stands on; nothing in it knows a use case."""

    settings: Settings
    clock: Clock
    ids: Ids
    store: Store
    registry: Registry
    people: People
    secrets: Secrets
    cursors: Cursors
    due: Due
    idempotency: Idempotency
    tickets: Tickets
    leases: Leases
    switch_commands: SwitchCommands
    switch_status: SwitchStatus
    turns: Turns
    allowances: Allowances
    blobs: Blobs
    outbound: Outbound
    webhooks_outbound: Outbound
    webhook_queue: WebhookQueue
    wallets: Wallets
    overview: Overview
    organisations: Organisations


@dataclass(slots=True)
class Caller:
    """Where a request came from."""

    request_id: str
    ip: str = ""
    user_agent: str = ""
    url: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = ""


def _nothing() -> None:
    """Do nothing."""


class Context:
    """Who acts on whose data, and what comes of it."""

    def __init__(
        self, services: Services, principal: Principal | None, caller: Caller, ids: Ids | None = None,
        again: Callable[[], Awaitable[Principal]] | None = None,
    ) -> None:  # fmt: skip
        self.services = services
        self.caller = caller
        self.ids = ids or services.ids
        self.seq: int | None = None
        self.waited_s = 0.0
        self.left: Callable[[], None] = _nothing  # called when the caller hangs up before the answer
        self._principal = principal
        self._again = again

    @property
    def principal(self) -> Principal:
        """Who asks; only routes that are not public may read it."""
        assert self._principal is not None, "a public route has no principal"
        return self._principal

    @property
    def known(self) -> Principal | None:
        """Who asks, or None on a public route."""
        return self._principal

    async def still(self) -> Principal:
        """Return who asks as of now; raises what has become of the access they came with.

        For what answers later than it was asked.
        """
        if self._again is not None:
            self._principal = await self._again()
        return self.principal

    @property
    def data(self) -> TenantStore:
        """The tenant's data in the principal's mode."""
        return self.services.store.tenant(self.principal)

    def now(self) -> datetime:
        """Return the present, UTC."""
        return self.services.clock()

    def secret(self, purpose: str, size: int = 32) -> str:
        """Return a secret to hand out; the same one when the request is run again under its `Idempotency-Key`."""
        return self.ids.secret(purpose, size)

    def wrote(self, written: Written) -> dict[str, Any]:
        """Remember the event a write caused (it becomes the answer's cursor) and return the document."""
        if written.scope != self.principal.scope or written.seq is None:
            return written.doc  # the organisation's own events are in the live log, whatever the caller's mode
        if self.seq is None or written.seq > self.seq:
            self.seq = written.seq
        return written.doc

    def cursor(self, seq: int | None = None) -> str | None:
        """Return the cursor of a number (default: of the last event caused), None without one."""
        number = self.seq if seq is None else seq
        if number is None:
            return None
        return self.services.cursors.write(self.principal.scope, Position(self.services.store.log.epoch, number))

    def event(
        self,
        type: str,
        subject: str,
        data: Mapping[str, Any],
        *,
        contact: str | None = None,
        seen: Visibility | None = None,
        channel: str | None = None,
        timeline: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        actor: Mapping[str, str] | None = None,
        id: str | None = None,
    ) -> Event:
        """Return an event by this principal (on a public route by the `actor` given), now unless the time is given."""
        return Event(
            id=id or self.ids.new("evt"), type=type, occurred_at=at or self.now(),
            actor=actor or self.principal.actor(), subject=subject, data=data, contact=contact, channel=channel,
            seen=seen or Visibility(), timeline=timeline,
        )  # fmt: skip


class OperationContext(Context):
    """The context of an operation: besides, the ports to what lives as long as the process."""

    def __init__(
        self, services: Services, ports: Ports, principal: Principal | None, caller: Caller,
        again: Callable[[], Awaitable[Principal]] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(services, principal, caller, again=again)
        self.ports = ports


def system_context(services: Services, scope: str, kind: str) -> Context:
    """Return the context in which a part of the gateway, named `kind`, acts by itself within a partition."""
    return Context(services, system_principal(*parse_scope(scope), kind=kind), Caller(""))


def system_operation(services: Services, ports: Ports, scope: str, kind: str) -> OperationContext:
    """Return the context in which a part of the gateway, named `kind`, does by itself what else somebody asks for."""
    return OperationContext(services, ports, system_principal(*parse_scope(scope), kind=kind), Caller(""))
