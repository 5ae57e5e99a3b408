"""Composition: every part of a process is built here, in one place, and started and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import structlog
from pymongo import AsyncMongoClient
from tornado.httpserver import HTTPServer

from jinaconnect.actions.billing.razorpay import Razorpay
from jinaconnect.actions.calls.control import Controls
from jinaconnect.actions.calls.transcribing import Scribe
from jinaconnect.actions.context import Services, Settings
from jinaconnect.actions.hosted.accounts import Providers
from jinaconnect.actions.hosted.commanding import Commander
from jinaconnect.actions.hosted.control import HostedCalls
from jinaconnect.actions.hosted.held import Held
from jinaconnect.actions.hosted.hooks import VoiceDoor
from jinaconnect.actions.hosted.incoming import Arrivals
from jinaconnect.actions.hosted.leading import Leader
from jinaconnect.actions.hosted.prices import PriceAsker
from jinaconnect.actions.hosted.urls import HookUrls
from jinaconnect.actions.identity.authentication import TokenAuthenticator
from jinaconnect.actions.identity.budgets import Budgets, RateGate
from jinaconnect.actions.ivr.prompts import PromptStore
from jinaconnect.actions.live.control import LiveCalls
from jinaconnect.actions.live.fleet import Fleet
from jinaconnect.actions.messaging.accounts import OpenAccounts
from jinaconnect.actions.messaging.delivering import Sender
from jinaconnect.actions.messaging.hooks import InboundDoor
from jinaconnect.actions.moving.arriving import adopt_cursors
from jinaconnect.actions.ports import Ports
from jinaconnect.actions.readiness import SharedReadiness
from jinaconnect.actions.webhooks.fleet import Webhooks
from jinaconnect.actions.webhooks.posting import LOOKUPS, TIMEOUT_S
from jinaconnect.actions.worker import Worker
from jinaconnect.actions.writers import Writers
from jinaconnect.channels.base import Parts
from jinaconnect.channels.table import Channels
from jinaconnect.config import Config
from jinaconnect.core.billing.prices import price_list
from jinaconnect.core.clock import Clock, system_clock
from jinaconnect.core.cursor import Cursors
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.ids import Ids
from jinaconnect.duties import assign
from jinaconnect.handlers.edge import metrics
from jinaconnect.handlers.edge.server import listen
from jinaconnect.interprocess import Interprocess
from jinaconnect.mail import Mailer, Server
from jinaconnect.outbound import Outbound
from jinaconnect.printing.printer import Printer
from jinaconnect.realtime import protocol
from jinaconnect.realtime.hub import Hub
from jinaconnect.realtime.live import Live
from jinaconnect.realtime.presence import Presence
from jinaconnect.records import Records
from jinaconnect.sheets.workbooks import Workbooks
from jinaconnect.store.billing.ledger import Ledger
from jinaconnect.store.billing.margins import Margins
from jinaconnect.store.billing.organisations import Organisations
from jinaconnect.store.billing.overview import Overview
from jinaconnect.store.billing.wallets import Wallets
from jinaconnect.store.blobs import Blobs, DirectoryBlobs
from jinaconnect.store.coordination.allowances import Allowances
from jinaconnect.store.coordination.idempotency import Idempotency
from jinaconnect.store.coordination.leases import Leases
from jinaconnect.store.coordination.limits import Limits
from jinaconnect.store.coordination.switch_commands import SwitchCommands
from jinaconnect.store.coordination.switch_status import SwitchStatus
from jinaconnect.store.coordination.tickets import Tickets
from jinaconnect.store.coordination.turns import Turns
from jinaconnect.store.databases.indexes import unhurried
from jinaconnect.store.databases.mongo import Database, Document, answering, connect
from jinaconnect.store.databases.redis import RedisLink
from jinaconnect.store.due import Due, process_name
from jinaconnect.store.ending import ended
from jinaconnect.store.identity.people import People
from jinaconnect.store.identity.registry import Registry
from jinaconnect.store.secrets.sealing import Secrets, load_master_key
from jinaconnect.store.store import Store
from jinaconnect.store.webhook_queue import WebhookQueue
from jinaconnect.telephony.speech import EspeakNg
from jinaconnect.telephony.transcribe.table import engine_of

Role = Literal["all", "web", "worker", "voice"]
LOOK_EVERY_S = 1.0

logger = structlog.get_logger("app")


@dataclass(frozen=True, slots=True)
class Built:
    """The parts of a process: what operations use of them is in `ports`."""

    services: Services
    ports: Ports
    fleet: Fleet
    webhooks: Webhooks
    presence: Presence
    interprocess: Interprocess


@dataclass
class Gateway:
    """One running process of the gateway."""

    config: Config
    role: Role = "all"
    processes: int = 1
    clock: Clock = system_clock
    _built: Built = field(init=False)
    _client: AsyncMongoClient[Document] = field(init=False)
    _link: RedisLink | None = field(init=False, default=None)
    _server: HTTPServer | None = field(init=False, default=None)
    _loops: list[asyncio.Task[None]] = field(init=False, default_factory=list)

    @property
    def services(self) -> Services:
        """What everything stands on."""
        return self._built.services

    @property
    def ports(self) -> Ports:
        """What operations use."""
        return self._built.ports

    @property
    def fleet(self) -> Fleet:
        """The switches of the deployment."""
        return self._built.fleet

    # --- build ---------------------------------------------------------------------------------------------------

    def _services(self, database: Database, process: str, sockets: list[socket.socket]) -> Services:
        config = self.config
        secrets = Secrets(load_master_key(config.secrets.master_key, config.var_dir))
        store, due = Store(database, self.clock), Due(database, self.clock, process)
        ids, prices = Ids(self.clock, os.urandom), price_list(config.billing.rates_file, config.billing.margin_percent)
        return Services(
            settings=self._settings(sockets),
            clock=self.clock,
            ids=ids,
            store=store,
            registry=Registry(database),
            people=People(database, store.withdrawals),
            secrets=secrets,
            cursors=Cursors(secrets.derive("cursors")),
            due=due,
            idempotency=Idempotency(database, self.clock, secrets),
            tickets=Tickets(database, self.clock),
            leases=Leases(database, due),
            switch_commands=SwitchCommands(database),
            switch_status=SwitchStatus(database, self.clock),
            turns=Turns(self._link),
            allowances=Allowances(database, self.clock),
            blobs=_blobs(config),
            outbound=Outbound(config.outbound.allow_networks, timeout_s=config.outbound.timeout_s),
            webhooks_outbound=Outbound(config.outbound.allow_networks, timeout_s=TIMEOUT_S, lookups=LOOKUPS),
            webhook_queue=WebhookQueue(database),
            wallets=Wallets(Ledger(store, ids, self.clock), prices, Margins(database)),
            overview=Overview(database, store.counts),
            organisations=Organisations(database, store.counts),
        )

    def _build(self, services: Services, link: RedisLink | None, process: str) -> Built:
        """Build every part, each from those before it."""
        config, clock, store, due = self.config, self.clock, services.store, services.due
        works = self.role in ("all", "worker")
        writers = Writers(link, process, works=works)
        worker = Worker(due, clock, writers.announce, active=works, processes=self.processes)
        budgets = Budgets(**{name: getattr(config.limits, name) for name in Budgets.__dataclass_fields__})
        rates = RateGate(Limits(link), budgets)
        key, may_keep = services.secrets.derive("tokens"), self._may_keep
        auth = TokenAuthenticator(services.registry, services.people, clock, key, may_keep, config.voice.operators)
        accounts = OpenAccounts(services.registry, services.secrets)
        settings = {
            "whatsapp_meta": config.whatsapp.model_dump(), "whatsapp_gupshup": config.gupshup.model_dump(),
            "telegram": config.telegram.model_dump(), "rcs_google": config.rcs.model_dump(exclude={"meta"}),
            "rcs_meta": config.rcs.meta.model_dump(),
            "sms_twilio": {"base_url": config.sms.twilio_url}, "sms_msg91": {"base_url": config.sms.msg91_url},
            "sms_fast2sms": {"base_url": config.sms.fast2sms_url},
        }
        url = services.settings.public_url or services.settings.own_url
        parts = Parts(
            services.outbound, due, clock, accounts, worker.run_job, settings, url, chaos=config.sandbox.chaos
        )
        channels = Channels(parts)
        prompts = PromptStore(services, EspeakNg(), config.voice.media_url.rstrip("/") or services.settings.own_url)
        fleet = Fleet(services, worker, prompts, config.voice.asterisks)
        loopback = Outbound(("127.0.0.0/8", "::1/128"), timeout_s=config.outbound.timeout_s)
        native = config.transcription.engine == "provider"
        providers, urls = Providers(services, loopback), HookUrls(services, written_down=native)
        held = Held(services, worker)
        leader = Leader(services, worker, prompts, held)
        commander = Commander(services, worker, providers, urls, leader)
        hosted = HostedCalls(services, worker, providers, urls, commander, prompts, held)
        calls = Controls(LiveCalls(services, fleet), hosted)
        scribe = Scribe(services, worker, engine_of(config.transcription, services.outbound), native=native)
        arrivals = Arrivals(services, worker, held, leader, hosted)
        voice_hooks = VoiceDoor(services, worker, providers, urls, hosted, leader, commander, held, arrivals, scribe)
        message_hooks = InboundDoor(services, worker, writers, accounts, channels)
        hub, presence = Hub(store.log, services.cursors), Presence(clock, link)
        live = Live(
            store.log, services.cursors, hub, presence, clock,
            lambda token, ip: rates.guarded(auth.from_token(token, ip), ip), auth.from_token,
            per_tenant=config.limits.sockets_per_tenant, per_principal=config.limits.sockets_per_principal,
        )  # fmt: skip
        ports = Ports(
            worker=worker, auth=auth, rates=rates, channels=channels, accounts=accounts, message_hooks=message_hooks,
            calls=calls, switches=fleet, voice_hooks=voice_hooks, prompts=prompts, hub=hub, live=live,
            readiness=SharedReadiness(services, link, fleet.asterisks),
            printer=Printer(config.printing.fonts), workbooks=Workbooks(),
            mailer=Mailer(Server(**config.mail.model_dump(exclude={"sender"})), config.var_dir / "mail"),
            records=Records(config.dns.servers),
            payments=Razorpay(services.outbound, **config.billing.razorpay.model_dump()),
            loopback=loopback,
        )  # fmt: skip
        keep = timedelta(days=config.log.retention_days)
        webhooks = Webhooks(services, auth, hub, active=works, keep=keep)
        interprocess = Interprocess(link, store, services.switch_commands, hub, presence, writers, worker)
        sender = Sender(services, worker, accounts, channels)
        assign(
            services, ports, sender, message_hooks, hosted, arrivals, voice_hooks, scribe,
            PriceAsker(services, worker, providers), self.processes,
        )  # fmt: skip
        writers.start(message_hooks.apply_handed)
        auth.withdrawn.append(live.access_changed)
        store.withdrawals.listeners.append(auth.forget)
        store.withdrawals.listeners.append(webhooks.access_changed)
        store.withdrawals.listeners.append(lambda tenant: self._take_cursors(services, worker))
        store.log.listeners.append(lambda scope, rows: _appended(interprocess, scope, rows))
        store.log.listeners.append(webhooks.offer)
        store.log.listeners.append(held.changed)
        hub.heard.append(webhooks.ring)
        return Built(services, ports, fleet, webhooks, presence, interprocess)

    def _settings(self, sockets: list[socket.socket]) -> Settings:
        config = self.config
        host, port = config.http.host, sockets[0].getsockname()[1] if sockets else config.http.port
        own = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
        return Settings(
            public_url=config.http.public_url.rstrip("/"),
            own_url=f"http://{own}:{port}",
            access_ttl_s=config.auth.access_minutes * 60,
            refresh_ttl_s=config.auth.refresh_days * 86_400,
            retention_days=config.log.retention_days,
            max_upload_bytes=config.http.max_upload_bytes,
            metrics_token=config.metrics.token,
            chaos=config.sandbox.chaos,
            keep_withheld=config.voice.keep_withheld,
            supervisions=config.voice.supervisions,
            check_voice_credentials=config.voice.check_credentials,
            mail_sender=config.mail.sender,
            frontend_url=config.http.frontend_url.rstrip("/"),
            build={"build_number": config.build.number, "commit": config.build.commit, "date": config.build.date},
        )

    def _may_keep(self) -> bool:
        if self._link is None:
            return self.processes == 1
        return self._link.healthy

    # --- start ---------------------------------------------------------------------------------------------------

    async def start(self, mongodb_uri: str, sockets: list[socket.socket]) -> None:
        """Connect, build, prepare the database, listen."""
        config, process = self.config, process_name()
        self._client, database = connect(mongodb_uri, config.mongodb.database, timeout_s=config.mongodb.timeout_s)
        if config.redis.url:
            self._link = RedisLink(config.redis.url, process)
            await self._link.start()
        services = self._services(database, process, sockets)
        built = self._built = self._build(services, self._link, process)
        await _prepare(services)
        await adopt_cursors(services)
        await services.blobs.start()
        await services.outbound.start()
        await built.ports.loopback.start()
        await services.webhooks_outbound.start()
        if self.role in ("all", "web"):
            self._server = listen(config.http, services, built.ports, sockets)
        with contextlib.suppress(Unavailable):
            # What died in the middle of a transaction holds its documents for a while: they are looked at again soon.
            await services.due.inherit()
        built.ports.worker.start()
        built.webhooks.start()
        if self.role in ("all", "voice"):
            built.fleet.start()
        self._loops = [
            asyncio.create_task(repeat(LOOK_EVERY_S, self._look)),
            asyncio.create_task(repeat(LOOK_EVERY_S, services.store.withdrawals.look)),
            asyncio.create_task(repeat(protocol.HEARTBEAT_S, built.ports.live.beat)),
        ]
        # What was built lives as long as the process: keep the collector from walking it at every turn.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 5, 100)  # what a busy moment leaves behind is found before it is many megabytes

    def _take_cursors(self, services: Services, worker: Worker) -> None:
        """Look for organisations that have moved in, whenever what somebody may do has changed."""
        worker.run(adopt_cursors(services))

    def _look(self) -> None:
        self.ports.live.tick()
        self._built.presence.sweep()
        self._built.interprocess.look()

    # --- stop ----------------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Drain: tell sockets to resume elsewhere, finish what runs, give back the rest, close."""
        services, ports, drain_s = self.services, self.ports, self.config.http.drain_s
        if self._server is not None:
            self._server.stop()
        ports.live.close_all(protocol.RESTARTING)
        await ports.live.settle(drain_s)
        await self.fleet.stop()
        await ports.worker.stop(drain_s)
        await ports.voice_hooks.close()
        await self._built.webhooks.stop(drain_s)
        await ended(self._loops)
        if self._server is not None:
            try:
                async with asyncio.timeout(drain_s):
                    await self._server.close_all_connections()
            except TimeoutError:
                logger.warning("drain.cut_short")
        await services.store.outbox.drain()
        await services.outbound.stop()
        await ports.loopback.stop()
        await services.webhooks_outbound.stop()
        await services.blobs.stop()
        if self._link is not None:
            await self._link.stop()
        await self._client.close()


def _blobs(config: Config) -> Blobs:
    place = config.blobs.s3
    if not place.bucket:
        return DirectoryBlobs(config.var_dir / "blobs")
    # A tenth of what all takes to read in, for those alone who keep blobs there.
    from jinaconnect.store.databases.s3 import Bucket, S3Blobs

    return S3Blobs(Bucket(place.bucket, **place.model_dump(exclude={"bucket"})))


def _appended(interprocess: Interprocess, scope: str, rows: Sequence[Mapping[str, Any]]) -> None:
    for type, count in Counter(row["type"] for row in rows).items():
        metrics.EVENTS.labels(type).inc(count)
    interprocess.appended(scope, rows[-1]["seq"])


async def _prepare(services: Services) -> None:
    """Bring the database to what this version needs."""
    parts = (
        services.registry, services.people, services.due, services.idempotency, services.tickets,
        services.switch_commands, services.webhook_queue, services.allowances,
    )  # fmt: skip
    async with answering():
        with unhurried():  # an index is built for as long as it takes
            for part in parts:
                await part.prepare()
            await services.store.prepare(int.from_bytes(os.urandom(4), "big"))


async def repeat(seconds: float, call: Callable[[], Awaitable[None] | None]) -> None:
    """Call something again and again, whatever becomes of a call."""
    while True:
        await asyncio.sleep(seconds)
        try:
            if (work := call()) is not None:
                await work
        except Exception:  # whatever it was, the next round may do better
            logger.exception("loop.failed", loop=getattr(call, "__qualname__", ""))
