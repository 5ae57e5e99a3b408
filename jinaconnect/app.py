"""Composition: reads the configuration, builds every part, owns the order of start and stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import structlog
from pymongo import AsyncMongoClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from jinaconnect.actions.calls.completion import Completer
from jinaconnect.actions.calls.control import CallControls
from jinaconnect.actions.calls.recordings import RECORDING_JOB, keep_recording
from jinaconnect.actions.calls.retention import retire_recordings
from jinaconnect.actions.context import Services, Settings
from jinaconnect.actions.hosted.accounts import Providers
from jinaconnect.actions.hosted.control import HostedCalls
from jinaconnect.actions.hosted.hooks import VoiceDoor
from jinaconnect.actions.hosted.leading import ASK_JOB
from jinaconnect.actions.hosted.urls import HookUrls
from jinaconnect.actions.identity.authentication import Authenticator
from jinaconnect.actions.identity.budgets import Budgets, RateGate
from jinaconnect.actions.ivr.prompts import Prompts
from jinaconnect.actions.live.control import LiveCalls
from jinaconnect.actions.live.fleet import Voice
from jinaconnect.actions.messaging.accounts import Accounts
from jinaconnect.actions.messaging.applying import LATE_JOB, apply_late
from jinaconnect.actions.messaging.hooks import InboundDoor
from jinaconnect.actions.messaging.media import FORMER_JOB, MediaFetcher, take_former_job
from jinaconnect.actions.messaging.sandbox import deliver_webhook
from jinaconnect.actions.messaging.sending import Sender
from jinaconnect.actions.readiness import Readiness
from jinaconnect.actions.webhooks.fleet import Webhooks
from jinaconnect.actions.webhooks.posting import TIMEOUT_S
from jinaconnect.actions.worker import Worker
from jinaconnect.actions.writers import DUE, Writers
from jinaconnect.channels.base import SIMULATED_JOB, Parts
from jinaconnect.channels.table import Channels
from jinaconnect.config import Config
from jinaconnect.core.calls.document import ended as ended_call
from jinaconnect.core.clock import Clock, system_clock
from jinaconnect.core.cursor import Cursors
from jinaconnect.core.events.event import Recorded
from jinaconnect.core.ids import Ids
from jinaconnect.handlers.edge import metrics
from jinaconnect.handlers.edge.http import Router
from jinaconnect.handlers.edge.proxies import Proxies
from jinaconnect.handlers.edge.stream import SocketHandler, SseHandler
from jinaconnect.handlers.edge.table import load_operations
from jinaconnect.outbound import Outbound
from jinaconnect.realtime import protocol
from jinaconnect.realtime.hub import Hub
from jinaconnect.realtime.live import Live
from jinaconnect.realtime.presence import Presence
from jinaconnect.store.blobs import Blobs, DirectoryBlobs
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.coordination.idempotency import Idempotency
from jinaconnect.store.coordination.leases import Leases
from jinaconnect.store.coordination.limits import Limits
from jinaconnect.store.coordination.switch_commands import SwitchCommands
from jinaconnect.store.coordination.switch_status import SwitchStatus
from jinaconnect.store.coordination.tickets import Tickets
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.indexes import unhurried
from jinaconnect.store.databases.mongo import Document, answering, connect
from jinaconnect.store.databases.redis import RedisLink
from jinaconnect.store.due import Due, process_name
from jinaconnect.store.ending import ended
from jinaconnect.store.registry import Registry
from jinaconnect.store.s3 import Bucket, S3Blobs
from jinaconnect.store.secrets import Secrets, load_master_key
from jinaconnect.store.store import Store
from jinaconnect.store.webhook_queue import WebhookQueue
from jinaconnect.telephony.speech import EspeakNg

Role = Literal["all", "web", "worker", "voice"]
LOOK_EVERY_S = 1.0
WORDS, BETWEEN_S = "words", 0.02  # the lease, and the pause that others are let in by
ORDER = "&"  # rung with the name of a switch: an order was left for its owner
LOOK = "*"  # rung when a bell was missed: everyone looks at the log

logger = structlog.get_logger("app")


@dataclass
class Gateway:
    """One running process of the gateway."""

    config: Config
    role: Role = "all"
    processes: int = 1
    clock: Clock = system_clock
    services: Services = field(init=False)
    live: Live = field(init=False)
    _client: AsyncMongoClient[Document] = field(init=False)
    _link: RedisLink | None = field(init=False, default=None)
    _server: HTTPServer | None = field(init=False, default=None)
    _loops: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _unrung: bool = field(init=False, default=False)  # others were not told of something: have them look
    _rings: set[asyncio.Task[Any]] = field(init=False, default_factory=set)

    async def start(self, mongodb_uri: str, sockets: list[socket.socket]) -> None:
        """Connect, build, prepare the database, listen."""
        config = self.config
        self._client, database = connect(mongodb_uri, config.mongodb.database, timeout_s=config.mongodb.timeout_s)
        secrets = Secrets(load_master_key(config.secrets.master_key, config.var_dir))
        process = process_name()
        if config.redis.url:
            self._link = RedisLink(config.redis.url, process)
            await self._link.start()
        store = Store(database, self.clock)
        cursors = Cursors(secrets.derive("cursors"))
        due = Due(database, self.clock, process)
        limits = Limits(self._link)
        budgets = Budgets(**{name: getattr(config.limits, name) for name in Budgets.__dataclass_fields__})
        hub = Hub(store.log, cursors)
        services = self.services = Services(
            settings=self._settings(sockets),
            clock=self.clock,
            ids=Ids(self.clock, os.urandom),
            store=store,
            registry=Registry(database, store.withdrawals),
            secrets=secrets,
            cursors=cursors,
            due=due,
            idempotency=Idempotency(database, self.clock, secrets),
            limits=limits,
            rates=RateGate(limits, budgets),
            tickets=Tickets(database, self.clock),
            leases=Leases(database, due),
            switch_commands=SwitchCommands(database),
            switch_status=SwitchStatus(database, self.clock),
            blobs=_blobs(config),
            outbound=Outbound(config.outbound.allow_networks, timeout_s=config.outbound.timeout_s),
            loopback=Outbound(("127.0.0.0/8", "::1/128"), timeout_s=config.outbound.timeout_s),
            webhooks_outbound=Outbound(config.outbound.allow_networks, timeout_s=TIMEOUT_S),
            webhook_queue=WebhookQueue(database),
            hub=hub,
            presence=Presence(self.clock, self._link),
            link=self._link,
            writers=Writers(self._link, process, works=self.role in ("all", "worker")),
        )
        services.auth = Authenticator(
            services.registry, self.clock, secrets.derive("tokens"), self._may_keep, config.voice.operators
        )
        services.accounts = Accounts(services)
        services.channels = Channels(
            Parts(
                services.outbound, due, self.clock, services.accounts, lambda job: services.worker.plan(job),
                {"whatsapp_meta": config.whatsapp.model_dump()},
                services.settings.public_url or services.settings.own_url,
            )
        )  # fmt: skip
        services.door = InboundDoor(services)
        services.readiness = Readiness(services)
        prompts = Prompts(services, EspeakNg(), config.voice.media_url.rstrip("/") or services.settings.own_url)
        services.voice = Voice(services, config.voice.asterisks, prompts)
        providers, hooks = Providers(services), HookUrls(services)
        hosted = HostedCalls(services, providers, hooks)
        services.calls = CallControls(LiveCalls(services), hosted)
        services.voice_door = VoiceDoor(services, providers, hooks, hosted)
        services.webhooks = Webhooks(
            services, active=self.role in ("all", "worker"), keep=timedelta(days=config.log.retention_days)
        )
        services.worker = self._worker(services, hosted)
        services.writers.start(services.door.apply_handed, services.worker.kick)
        auth, rates = services.auth, services.rates
        self.live = services.live = Live(
            store.log, cursors, hub, services.presence, self.clock,
            lambda token, ip: rates.guarded(auth.from_token(token, ip), ip), auth.from_token,
            per_tenant=config.limits.sockets_per_tenant, per_principal=config.limits.sockets_per_principal,
        )  # fmt: skip
        auth.withdrawn.append(self.live.access_changed)
        store.withdrawals.listeners.append(auth.forget)
        store.withdrawals.listeners.append(services.webhooks.access_changed)
        store.log.listeners.append(self._appended)
        store.log.listeners.append(services.webhooks.offer)
        hub.heard.append(services.webhooks.ring)
        if self._link is not None:
            self._link.heard.append(self._heard)
            store.withdrawals.noted.append(lambda: self._ring("!"))
            self._link.recovered.append(self._bell_back)
            services.switch_commands.given.append(lambda switch: self._ring(f"{ORDER} {switch}"))
        async with answering():
            with unhurried():  # an index is built for as long as it takes
                for part in (services.registry, due, services.idempotency, services.tickets, services.switch_commands,
                             services.webhook_queue):
                    await part.prepare()
                await store.prepare(int.from_bytes(os.urandom(4), "big"))
        await services.blobs.start()
        await services.outbound.start()
        await services.loopback.start()
        await services.webhooks_outbound.start()
        if self.role in ("all", "web"):
            self._listen(sockets)
        await due.inherit()
        services.worker.start()
        services.webhooks.start()
        if self.role in ("all", "voice"):
            services.voice.start()
        self._loops = [
            asyncio.create_task(self._repeat(LOOK_EVERY_S, self._look)),
            asyncio.create_task(self._repeat(LOOK_EVERY_S, store.withdrawals.look)),
            asyncio.create_task(self._repeat(protocol.HEARTBEAT_S, self.live.beat)),
        ]
        # What was built lives as long as the process: keep the collector from walking it at every turn.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 5, 100)  # what a busy moment leaves behind is found before it is many megabytes

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
            keep_withheld=config.voice.keep_withheld,
        )

    def _may_keep(self) -> bool:
        if self._link is None:
            return self.processes == 1
        return self._link.healthy

    def _worker(self, services: Services, hosted: HostedCalls) -> Worker:
        worker = Worker(services, active=self.role in ("all", "worker"), processes=self.processes)
        worker.handle("messages", Sender(services).deliver)
        worker.handle("inbound", services.door.take)
        completer = Completer(services)
        # What is due of a call is its placing while it lives at its carrier, and what follows its end.
        worker.handle("calls", lambda claim: (completer.complete if ended_call(claim.doc) else hosted.attend)(claim))
        worker.handle_job(ASK_JOB, services.voice_door.ask)
        worker.handle("media", MediaFetcher(services).fetch)
        worker.handle_job(SIMULATED_JOB, lambda scope, data: deliver_webhook(services, scope, data))
        worker.handle_job(FORMER_JOB, lambda scope, data: take_former_job(services, scope, data))
        worker.handle_job(LATE_JOB, lambda scope, data: apply_late(services, scope, data))
        # What any process may look for is looked for by all of them in turn.
        worker.every(2.0 * self.processes, services.store.outbox.sweep)
        worker.every(5.0 * self.processes, services.due.inherit)
        worker.handle_job(RECORDING_JOB, lambda scope, data: keep_recording(services, scope, data))
        worker.every(60.0, self._bring_words)
        worker.every(3600.0, self._retire)
        worker.every(3600.0, lambda: retire_recordings(services))
        return worker

    async def _bring_words(self) -> None:
        """Give rows of an earlier version their words, in one process at a time and beside everything else."""
        for name in [name for name, collection in COLLECTIONS.items() if collection.worded is not None]:
            while not await self.services.store.words.ready(name) and await self.services.leases.take(WORDS):
                if not await self.services.store.words.bring(name):
                    break
                await asyncio.sleep(BETWEEN_S)

    async def _retire(self) -> None:
        before = self.clock() - timedelta(days=self.config.log.retention_days)
        for scope in await self.services.store.log.scopes():
            try:
                await self.services.store.log.forget(scope, before)
            except Exception as error:  # one tenant's log is in no other's way; its turn comes again
                logger.warning("retention.postponed", scope=scope, error=repr(error)[:500])

    def _listen(self, sockets: list[socket.socket]) -> None:
        load_operations()
        services, live = self.services, self.live
        origins = frozenset(self.config.http.origins)
        arguments = {"services": services, "live": live, "origins": origins}
        application = Application(
            websocket_max_message_size=protocol.FRAME_BYTES * 4, log_function=lambda handler: None
        )
        special = {"/ws/": (SocketHandler, arguments), "/events/stream/": (SseHandler, arguments)}
        router = Router(application, services, origins, special, Proxies(self.config.http.trusted_proxies))
        self._server = HTTPServer(
            router,
            max_body_size=self.config.http.max_upload_bytes,
            idle_connection_timeout=75,
            body_timeout=60,
        )
        self._server.add_sockets(sockets)

    # --- the bell between processes ------------------------------------------------------------------------------

    def _appended(self, scope: str, events: list[Recorded]) -> None:
        for event in events:
            metrics.EVENTS.labels(event.type).inc()
        if self._link is not None:
            self._ring(f"{scope} {events[-1].seq}")

    def _ring(self, text: str) -> None:
        self._beside(self._rung(text))

    async def _rung(self, text: str) -> None:
        assert self._link is not None
        if not await self._link.ring(text):
            self._unrung = True

    def _beside(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._rings.add(task)
        task.add_done_callback(self._rings.discard)

    def _heard(self, text: str) -> None:
        if text.startswith("!"):
            self._beside(self.services.store.withdrawals.look())
        elif text == LOOK:
            self.services.hub.look()
        elif text.startswith("?"):
            self.services.presence.heard(text[1:])
        elif text.startswith(f"{DUE} "):
            self.services.writers.announced(text)
        elif text.startswith(f"{ORDER} "):
            self.services.switch_commands.ring(text.partition(" ")[2])
        else:
            scope, _, seq = text.rpartition(" ")
            self.services.store.log.heard(scope, int(seq))
            self.services.hub.ring(scope, int(seq))

    def _bell_back(self) -> None:
        self.services.hub.look()

    def _look(self) -> None:
        self.live.tick()
        self.services.presence.sweep()
        if self._unrung and self._link is not None and self._link.healthy:
            self._unrung = False
            self._ring(LOOK)
        self.services.hub.look(trusted=self._link is not None and self._link.healthy)

    async def _repeat(self, seconds: float, call: Callable[[], Awaitable[None] | None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                if (work := call()) is not None:
                    await work
            except Exception:  # whatever it was, the next round may do better
                logger.exception("loop.failed", loop=getattr(call, "__qualname__", ""))

    # --- the end -------------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Drain: tell sockets to resume elsewhere, finish what runs, give back the rest, close."""
        if self._server is not None:
            self._server.stop()
        self.live.close_all(protocol.RESTARTING)
        await self.live.settle(self.config.http.drain_s)
        await self.services.voice.stop()
        await self.services.worker.stop(self.config.http.drain_s)
        await self.services.webhooks.stop(self.config.http.drain_s)
        await ended(self._loops)
        if self._server is not None:
            try:
                async with asyncio.timeout(self.config.http.drain_s):
                    await self._server.close_all_connections()
            except TimeoutError:
                logger.warning("drain.cut_short")
        await self.services.store.outbox.drain()
        await self.services.outbound.stop()
        await self.services.loopback.stop()
        await self.services.webhooks_outbound.stop()
        await self.services.blobs.stop()
        if self._link is not None:
            await self._link.stop()
        await self._client.close()


def _blobs(config: Config) -> Blobs:
    place = config.blobs.s3
    if not place.bucket:
        return DirectoryBlobs(config.var_dir / "blobs")
    return S3Blobs(Bucket(place.bucket, **place.model_dump(exclude={"bucket"})))


def listening(config: Config, *, shared: bool = False) -> list[socket.socket]:
    """Bind the configured address; `shared` lets several processes take connections from it."""
    return bind_sockets(config.http.port, config.http.host, reuse_port=shared)


async def run_process(
    config: Config, role: Role, processes: int, uri: str, announce: Callable[[Gateway], Any] | None
) -> None:
    """Run one process until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    sockets = listening(config, shared=processes > 1) if role in ("all", "web") else []
    gateway = Gateway(config, role, processes)
    await gateway.start(uri, sockets)
    try:
        if announce is not None:
            await announce(gateway)
        await ended.wait()
    finally:
        await gateway.stop()


async def database_uri(config: Config) -> tuple[str, EmbeddedMongo | None]:
    """Return the database to use, starting the embedded one where none is configured."""
    if config.mongodb.uri:
        return config.mongodb.uri, None
    embedded = await EmbeddedMongo.start(Path(config.var_dir))
    return embedded.uri, embedded
