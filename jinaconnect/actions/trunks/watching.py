"""Watching the trunks of one Asterisk: does the carrier answer, is it registered, how do its calls go.

Runs in the process that owns the Asterisk. Three sources meet here: what Asterisk makes of its own OPTIONS (polled,
and told of by event), probes that measure the round trip, and the registrations. What is known of a trunk is a row of
`trunk_states`, which changes and tells of its change in one write, so that a restart tells nothing twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.trunks.accounts import open_sip, profile_of
from jinaconnect.actions.trunks.health import attempts
from jinaconnect.actions.trunks.renewing import Renewal
from jinaconnect.actions.trunks.state import (
    FLOOR_WINDOW,
    REGISTERED,
    REJECTED,
    SAMPLES,
    UNREACHABLE,
    UNREGISTERED,
    Seen,
    Tell,
    away,
    decide,
    new_state,
)
from jinaconnect.core.calls import health
from jinaconnect.core.errors import GatewayError, NotFound, Unavailable
from jinaconnect.core.events.event import Event
from jinaconnect.core.principal import system_actor
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.ending import ended
from jinaconnect.store.secrets.sealing import SecretError
from jinaconnect.store.tenant import Change, TenantStore
from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriError, AriProtocol, AriRefused
from jinaconnect.telephony.ari.event_types import ContactStatusChange
from jinaconnect.telephony.trunks.pjsip import ConfigObject, endpoint_id, registration_uris, trunk_objects
from jinaconnect.telephony.trunks.probe import Contacts

POLL_S = 2.0
REFRESH_S = 30.0
RECONNECT_S = 1.0
AWAY_S = 2.0  # a link that is back sooner was no outage
PROBE_EVERY_S = 10.0  # at the most; else as often as the account says that Asterisk asks
PROBE_AGAIN_S = 3.0
PROBES_AT_ONCE = 8
RENEWALS_AT_ONCE = 2
UNREGISTERED_S = 5.0  # a registration that is being renewed, or waits for its first answer, is gone for a moment

RULE = health.Rule()
FLOOR = health.Floor()

Renew = Callable[[str], Awaitable[None]]  # begins a trunk's registration anew

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Trunk:
    """A trunk under watch; times are the loop's."""

    id: str
    store: TenantStore
    objects: tuple[ConfigObject, ...]
    uris: tuple[str, str] | None
    every_s: float
    row: Document | None = None
    recent: health.Figures = field(default_factory=health.Figures)
    silent: bool = False  # Asterisk has told that its OPTIONS found no answer
    probed: bool | None = None
    probe_at: float = 0.0
    probing: bool = False
    samples: list[tuple[datetime, float | None]] = field(default_factory=list)
    unregistered_at: float | None = None
    renewal: Renewal = field(default_factory=Renewal)
    looked_at: float = 0.0
    touched: bool = False

    def begin_anew(self) -> None:
        """Forget what was concluded from an earlier connection or configuration."""
        self.silent, self.probed, self.probe_at, self.touched = False, None, 0.0, True


class TrunkWatch:
    """Keeps the states of an Asterisk's trunks, from `start` to `stop`."""

    def __init__(self, services: Services, name: str, client: AriClient, app: str, renew: Renew) -> None:
        self._services = services
        self._name = name
        self._client = client
        self._app = app
        self._renew = renew
        self._renewals = asyncio.Semaphore(RENEWALS_AT_ONCE)
        self._trunks: dict[str, _Trunk] = {}
        self._wake = asyncio.Event()
        self._stale = True
        self._slots = asyncio.Semaphore(PROBES_AT_ONCE)
        self._probes: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._reported: Counter[str] = Counter()

    async def start(self) -> None:
        """Begin to watch; Asterisk need not be there yet."""
        self._task = asyncio.create_task(self._run(), name=f"trunks of {self._name}")

    async def stop(self) -> None:
        """Stop watching; the states stay as they are."""
        if self._task is not None:
            await ended((self._task,))

    def poke(self, id: str) -> None:
        """Look again now: this trunk was changed, added or removed."""
        if id in self._trunks:
            self._trunks[id].begin_anew()
        self._stale = True
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        left_at = loop.time()
        while True:
            try:
                async with await Contacts.connect(
                    self._client, self._app, self._services.clock, self._changed
                ) as contacts:
                    try:
                        await self._watch(contacts)
                    finally:
                        left_at = loop.time()
            except AriError as error:
                logger.info("trunk_watch.away", asterisk=self._name, error=str(error))
            except Unavailable:
                logger.info("trunk_watch.waits", asterisk=self._name)
            except Exception as error:
                logger.error("trunk_watch.broken", asterisk=self._name, exc_info=error)
            if loop.time() - left_at >= AWAY_S:
                await self._away()
            await asyncio.sleep(RECONNECT_S)

    async def _away(self) -> None:
        """Tell, once, that nothing goes over the trunks while their Asterisk is away."""
        try:
            if not self._trunks:
                await self._refresh()
            for each in list(self._trunks.values()):
                await self._keep(each, lambda row, now: away(row, now))
        except Unavailable:
            logger.info("trunk_watch.waits", asterisk=self._name)

    async def _watch(self, contacts: Contacts) -> None:
        loop = asyncio.get_running_loop()
        for each in self._trunks.values():
            each.begin_anew()
        refreshed = 0.0
        try:
            while not contacts.ended:
                if self._stale or loop.time() - refreshed > REFRESH_S:
                    self._stale = False
                    await self._refresh()
                    refreshed = loop.time()
                await self._look(contacts)
                await self._report()
                try:
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()
                except TimeoutError:
                    continue
                finally:
                    self._wake.clear()
        finally:
            await ended(tuple(self._probes))

    def _changed(self, change: ContactStatusChange) -> None:
        """Asterisk's own question found, or did not find, an answer."""
        for each in self._trunks.values():
            aor = next(made.id for made in each.objects if made.kind == "aor")
            if change.contact_info.aor == aor or change.endpoint.resource == endpoint_id(each.id):
                each.silent = change.contact_info.contact_status == "Unreachable"
                if each.silent:
                    # Asterisk tells of the first of its own that was lost; how many follow is asked from now on.
                    each.samples = [*each.samples, (self._services.clock(), None)][-SAMPLES:]
                    each.probe_at = 0.0
                each.touched = True
                self._wake.set()

    # ---- which trunks there are

    async def _refresh(self) -> None:
        wanted: dict[str, _Trunk] = {}
        for doc in await self._services.store.across("trunks", {"asterisk": self._name, "deleted_at": None}):
            made = self._made(doc) if doc["enabled"] and doc["credentials"] else None
            if made is None:
                continue
            known = self._trunks.get(made.id)
            wanted[made.id] = known if known is not None and known.objects == made.objects else made
        self._trunks = wanted
        for row in await self._services.store.across("trunk_states", {"asterisk": self._name}):
            if row["_id"] not in wanted:
                await self._forget(row)
        await self._count_calls()

    async def _report(self) -> None:
        """Write how many trunks are in which state, beside what the Asterisk's owner writes."""
        states = Counter(each.row["status"] for each in self._trunks.values() if each.row is not None)
        # The owner's report comes first: a row of counts alone would be no report.
        if states != self._reported and await self._services.switch_status.get(self._name) is not None:
            await self._services.switch_status.put(self._name, {"trunks": dict(states)})
            self._reported = states

    def _made(self, doc: Document) -> _Trunk | None:
        try:
            given, profile = open_sip(self._services, doc), profile_of(doc)
            objects = trunk_objects(doc["_id"], profile, given)
        except (GatewayError, SecretError, ValueError) as error:
            logger.warning("trunk_watch.not_possible", asterisk=self._name, id=doc["_id"], error=str(error))
            return None
        registers = any(each.kind == "registration" for each in objects)
        return _Trunk(
            doc["_id"], self._services.store.within(doc["scope"]), objects,
            registration_uris(doc["_id"], given, profile) if registers else None,
            max(float(given.qualify_s), PROBE_EVERY_S) if given.qualify_s else 0.0,
        )  # fmt: skip

    async def _forget(self, row: Document) -> None:
        if not row["pending"]:  # else its last words are still on their way
            await self._services.store.within(row["scope"]).remove("trunk_states", row["_id"])

    async def _count_calls(self) -> None:
        now, span = self._services.clock(), health.WINDOWS[FLOOR_WINDOW]
        by_scope: dict[str, list[_Trunk]] = defaultdict(list)
        for each in self._trunks.values():
            by_scope[each.store.scope].append(each)
        for trunks in by_scope.values():
            made = await attempts(trunks[0].store, [each.id for each in trunks], now - span)
            for each in trunks:
                each.recent = health.figures(made.get(each.id, ()), now, span)

    # ---- looking

    async def _look(self, contacts: Contacts) -> None:
        online = {each.resource: each.state == "online" for each in await self._client.endpoints.list()}
        registrations = await self._registrations()
        now = asyncio.get_running_loop().time()
        for each in list(self._trunks.values()):
            if each.every_s and not each.probing and now >= each.probe_at:
                self._probe(contacts, each)
            # Events bring us here early. They decide what is not known yet; after that looks are counted, and two
            # within a moment would count twice.
            first = each.row is None or each.row["status"] == health.UNKNOWN
            if (first and each.touched) or now - each.looked_at >= POLL_S / 2:
                each.looked_at, each.touched = now, False
                await self._note(each, online.get(endpoint_id(each.id)), registrations)

    async def _registrations(self) -> Mapping[tuple[str, str], str] | None:
        """Return the registrations' states; None where the Asterisk has no metrics page."""
        try:
            found = await self._client.registrations()
        except (AriRefused, AriProtocol) as error:
            logger.info("trunk_watch.no_registrations", asterisk=self._name, error=str(error))
            return None
        return {(each.client_uri, each.server_uri): each.state for each in found}

    def _probe(self, contacts: Contacts, trunk: _Trunk) -> None:
        trunk.probing = True
        task = asyncio.create_task(self._probed(contacts, trunk))
        self._probes.add(task)
        task.add_done_callback(self._probes.discard)

    async def _probed(self, contacts: Contacts, trunk: _Trunk) -> None:
        try:
            async with self._slots:
                found = await contacts.probe(trunk.objects)
            trunk.probed = found.ok
            trunk.samples = [*trunk.samples, (self._services.clock(), found.rtt_ms)][-SAMPLES:]
            trunk.touched = True
            self._wake.set()
            pause = trunk.every_s if found.ok else PROBE_AGAIN_S
        except AriError as error:
            logger.info("trunk_watch.no_probe", asterisk=self._name, id=trunk.id, error=str(error))
            pause = PROBE_AGAIN_S
        finally:
            trunk.probing = False
        trunk.probe_at = asyncio.get_running_loop().time() + pause

    def _answers(self, trunk: _Trunk, online: bool | None, registration: str | None) -> bool | None:
        """Tell whether the carrier answers; None where nothing was learned.

        An endpoint counts as offline until Asterisk has asked for the first time, up to one interval after it was
        made, though it can be called: until then the probe decides.
        """
        if online is None:
            return None
        if not trunk.every_s:
            return True if registration in (REGISTERED, REJECTED) else None
        if online:
            trunk.silent = False
            return True
        return False if trunk.silent else trunk.probed

    def _registration(self, trunk: _Trunk, states: Mapping[tuple[str, str], str] | None) -> str | None:
        if trunk.uris is None:
            return None
        kept = None if trunk.row is None or trunk.row["registration"] is None else trunk.row["registration"]["state"]
        now = kept if states is None else states.get(trunk.uris, UNREGISTERED)
        if now != UNREGISTERED:
            trunk.unregistered_at = None
            return now
        moment = asyncio.get_running_loop().time()
        if trunk.unregistered_at is None:
            trunk.unregistered_at = moment
        return now if moment - trunk.unregistered_at >= UNREGISTERED_S else kept

    def _begin_anew(
        self, trunk: _Trunk, answers: bool | None, states: Mapping[tuple[str, str], str] | None
    ) -> None:
        if trunk.uris is None or states is None:
            return
        down = trunk.row is not None and trunk.row["status"] == health.DOWN
        now = asyncio.get_running_loop().time()
        registered = states.get(trunk.uris) == REGISTERED
        if trunk.renewal.due(registered=registered, answers=answers, down=down, now=now):
            logger.info("trunk_watch.registers_anew", asterisk=self._name, id=trunk.id)
            task = asyncio.create_task(self._renewed(trunk.id))
            self._probes.add(task)
            task.add_done_callback(self._probes.discard)

    async def _renewed(self, id: str) -> None:
        async with self._renewals:  # a carrier that is back may have very many, and changes are pushed in between
            await self._renew(id)

    # ---- keeping

    async def _note(
        self, trunk: _Trunk, online: bool | None, registrations: Mapping[tuple[str, str], str] | None
    ) -> None:
        now = self._services.clock()
        if trunk.row is None:
            trunk.row = await trunk.store.find("trunk_states", trunk.id)
        registration = self._registration(trunk, registrations)
        samples, trunk.samples = tuple(trunk.samples), []
        answers = self._answers(trunk, online, registration)
        self._begin_anew(trunk, answers, registrations)
        if registration == REJECTED and trunk.every_s and answers is not True:
            # Asterisk calls one that was not answered rejected too.
            kept = trunk.row and trunk.row["registration"] and trunk.row["registration"]["state"]
            registration = UNREACHABLE if answers is False or kept == UNREACHABLE else REJECTED
        seen = Seen(now, answers, samples, registration, trunk.recent)
        try:
            await self._keep(trunk, lambda row, _: decide(row, self._name, seen, RULE, FLOOR))
        except Unavailable:
            trunk.samples = [*samples, *trunk.samples][-SAMPLES:]
            raise

    async def _keep(
        self, trunk: _Trunk, judge: Callable[[Document, datetime], tuple[dict[str, Any], list[Tell]]]
    ) -> None:
        """Change a trunk's row and tell of it in one write."""
        now = self._services.clock()
        if trunk.row is None:
            trunk.row = await trunk.store.find("trunk_states", trunk.id)
        if trunk.row is None:
            trunk.row = (await trunk.store.insert("trunk_states", new_state(trunk.id, self._name, now))).doc
        ids = [self._services.ids.new("evt") for _ in range(2)]

        def changed(row: Document) -> Change | None:
            fields, tells = judge(row, now)
            if not fields:
                return None
            return Change(fields, events=[self._event(ids[n], trunk, *tell, now) for n, tell in enumerate(tells)])

        try:
            written = await trunk.store.change("trunk_states", trunk.id, changed, known=trunk.row)
            trunk.row = {**written.doc, "pending": []}  # all told
        except NotFound:
            trunk.row = None
        except Unavailable:
            trunk.row = None  # what became of the write is not known
            raise

    def _event(self, id: str, trunk: _Trunk, type: str, data: Mapping[str, object], at: datetime) -> Event:
        return Event(
            id=id, type=type, occurred_at=at, actor=system_actor("telephony"), subject=trunk.id, channel="VOICE",
            data={"asterisk": self._name, **data},
        )  # fmt: skip
