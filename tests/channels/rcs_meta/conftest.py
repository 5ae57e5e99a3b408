"""A gateway on which "Meta RCS" is turned on, and a tenant with an app whose carrier is on loopback."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, MetaRcs, Mongodb, OutboundSection, Rcs
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.carriers.sms import Carrier
from tests.client import Answered
from tests.conftest import PLENTY, Running
from tests.tenants import Tenant

ENDS = ("message.sent", "message.failed", "message.unknown")


@pytest.fixture(scope="session")
async def gateway(mongod: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A gateway whose operator has turned it on."""
    config = Config(
        var_dir=Path(tmp_path_factory.mktemp("metarcs")), http=Http(port=0, drain_s=2), limits=PLENTY,
        mongodb=Mongodb(database=f"metarcs_{secrets.token_hex(4)}"), rcs=Rcs(meta=MetaRcs(enabled=True)),
        outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=3),
    )  # fmt: skip
    running = Gateway(config)
    await running.start(mongod.uri, listening(config))
    yield Running(running.services.settings.own_url, running.services, running)
    await running.stop()


@dataclass
class GraphServer(Carrier):
    """The assumed API."""

    sender: str = "106540352242922"
    token: str = field(default_factory=lambda: "EAA" + secrets.token_hex(16))
    app_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    agent: str = field(default_factory=lambda: f"shop_{secrets.token_hex(4)}")
    _paths: tuple[str, ...] = ("/v23.0/{sender}/messages",)

    def app(self) -> dict[str, Any]:
        """Return the body that adds this carrier to a gateway."""
        return {
            "provider": "META_RCS", "agent_id": self.agent, "base_url": self.url,
            "provider_credentials": {
                "phone_number_id": self.sender, "access_token": self.token, "app_secret": self.app_secret,
            },
        }  # fmt: skip

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": {"code": 190, "message": "token"}}, status=401)
        named = (request.match_info["sender"], body["messaging_product"])
        if named != (self.sender, "rcs") or not body["to"].isdigit():
            self.faults.append("no message of the assumed contract")
        if body["type"] not in body:
            self.faults.append(f"{body['type']} has no object")
        self.requests.append(body)
        reference = body["biz_opaque_callback_data"]
        id = self.ids[reference] = "rcs." + secrets.token_hex(12)
        return await self._meet(request, reference, {"messaging_product": "rcs", "messages": [{"id": id}]}, 200)

    def told(self, **value: Any) -> bytes:
        """Return a webhook's body."""
        change = {"field": "messages", "value": {"messaging_product": "rcs", **value}}
        return json.dumps({"object": "rcs_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()

    def said(self, number: str, id: str, **what: Any) -> bytes:
        """Return a customer's message; its type is the name of its part."""
        [(kind, part)] = what.items()
        item = {"from": number.lstrip("+"), "id": id, "timestamp": str(int(time.time())), "type": kind, kind: part}
        people = [{"profile": {"name": "Ann Lee"}, "wa_id": number.lstrip("+")}]
        return self.told(contacts=people, messages=[item])

    def status(self, message: str, status: str, **fields: Any) -> bytes:
        """Return a report on a message of ours."""
        item = {"id": self.ids[message], "status": status, "timestamp": str(int(time.time())), "recipient_id": "1",
                "biz_opaque_callback_data": message, **fields}  # fmt: skip
        return self.told(statuses=[item])

    def signed(self, body: bytes) -> str:
        """Return the signature of a body."""
        return "sha256=" + hmac.new(self.app_secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass
class Agent:
    """An app of a tenant: its server, and how the gateway showed it when it was added."""

    server: GraphServer
    tenant: Tenant
    gateway: Running
    app: dict[str, Any]

    @property
    def path(self) -> str:
        return "/" + self.app["webhook_url"].split("/", 3)[3]

    async def posts(self, body: bytes, **headers: str) -> Answered:
        """Post a webhook, signed."""
        given = {"Content-Type": "application/json", "X-Hub-Signature-256": self.server.signed(body), **headers}
        return await self.tenant.anonymous.ask("POST", self.path, body, headers=given)

    async def heard(self, type: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for events of a type; returns all there are."""

        def enough(seen: list[dict[str, Any]]) -> bool:
            return sum(event["type"] == type for event in seen) >= count

        return [event for event in await self.tenant().wait_for_events(enough) if event["type"] == type]

    async def sends(self, number: str, **fields: Any) -> Answered:
        """Ask for a send."""
        return await self.tenant().post("/rcs/v1/messages/", {"phone": number, **fields})

    async def became(self, message: str, *statuses: str) -> dict[str, Any]:
        """Wait until a send has ended in one of these statuses; returns it as REST shows it."""

        def ended(seen: list[dict[str, Any]]) -> bool:
            return any(event["subject"]["id"] == message and event["type"] in ENDS for event in seen)

        await self.tenant().wait_for_events(ended)
        found: dict[str, Any] = (await self.tenant().get(f"/rcs/v1/messages/{message}/")).ok()
        assert found["status"] in statuses, found
        return found


@pytest.fixture
async def agent(gateway: Running, tenant: Tenant) -> AsyncIterator[Agent]:
    """An app of a tenant of the test's own."""
    server = GraphServer()
    await server.start()
    yield Agent(server, tenant, gateway, (await tenant().post("/rcs/v1/apps/", server.app())).ok(201))
    await server.stop()
