"""Tenants for tests: one each, so that no test meets another's data."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from jinaconnect.actions.context import Services
from jinaconnect.actions.identity.tenants import create_tenant
from jinaconnect.actions.messaging.accounts import ensure_demo_account
from jinaconnect.actions.ports import Ports
from jinaconnect.actions.trunks.voice_app import enable_voice
from jinaconnect.channels.graph import signature
from tests.client import Answered, Client


@dataclass
class Tenant:
    """A tenant with a key for every role and mode, and a WhatsApp account in live mode."""

    id: str
    clients: dict[tuple[str, str], Client]
    whatsapp: dict[str, str]
    anonymous: Client
    waba: str
    serial: int = field(default=0)

    def __call__(self, role: str = "owner", mode: str = "live") -> Client:
        return self.clients[role, mode]

    def wamid(self) -> str:
        """Return a carrier id that was not used before."""
        self.serial += 1
        return f"wamid.T{self.serial}{secrets.token_hex(6)}"

    def envelope(self, *values: dict[str, Any]) -> bytes:
        """Return a webhook body in Meta's form, one change per value."""
        metadata = {"display_phone_number": "12025550199", "phone_number_id": self.whatsapp["phone_number_id"]}
        changes = [
            {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
            for value in values
        ]
        return json.dumps(
            {"object": "whatsapp_business_account", "entry": [{"id": self.waba, "changes": changes}]}
        ).encode()

    def text(self, sender: str, text: str, *, id: str | None = None, name: str = "Ann") -> dict[str, Any]:
        """Return the value of one inbound text."""
        message = {
            "from": sender.lstrip("+"),
            "id": id or self.wamid(),
            "timestamp": str(int(time.time())),
            "type": "text",
            "text": {"body": text},
        }
        return {"contacts": [{"profile": {"name": name}, "wa_id": sender.lstrip("+")}], "messages": [message]}

    async def webhook(self, body: bytes, *, sign: str | None = None) -> Answered:
        """Post a webhook, signed with the account's secret unless told otherwise."""
        given = signature(self.whatsapp["app_secret"], body) if sign is None else sign
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": given}
        return await self.anonymous.ask("POST", self.whatsapp["webhook_path"], body, headers=headers)

    async def receives(self, sender: str, text: str, **rest: Any) -> None:
        """Have a customer write."""
        (await self.webhook(self.envelope(self.text(sender, text, **rest)))).ok()


class Made(Protocol):
    """A gateway, or what a test has of one."""

    @property
    def services(self) -> Services:
        """What everything stands on."""

    @property
    def ports(self) -> Ports:
        """What operations use."""


ROLES = ("owner", "admin", "manager", "agent", "viewer")


async def make_tenant(gateway: Made, url: str, session: Any) -> Tenant:
    """Make a tenant with keys for every role and mode."""
    services = gateway.services
    made = await create_tenant(services, gateway.ports.channels, f"Test {secrets.token_hex(4)}")
    store = services.store.of(made["_id"], "live")
    roles = {row["slug"]: row["_id"] for row in await store.select("roles", {})}
    clients: dict[tuple[str, str], Client] = {}
    keys: list[dict[str, Any]] = []
    for role in ROLES:
        for mode in ("live", "test"):
            secret = f"jc_{mode}_{secrets.token_urlsafe(32)}"
            clients[role, mode] = Client(url, secret, session)
            keys.append(
                {
                    "_id": services.ids.new("key"),
                    "name": f"{role} {mode}",
                    "prefix": secret[:12],
                    "mode": mode,
                    "role": roles[role],
                    "hashes": [hashlib.sha256(secret.encode()).hexdigest()],
                    "graces": [],
                    "ip_allowlist": [],
                    "expires_at": None,
                    "revoked_at": None,
                    "last_used_at": None,
                    "created_by": None,
                    "is_active": True,
                }
            )
    await store.insert_many("api_keys", [(key, ()) for key in keys])
    await enable_voice(store)
    whatsapp = await ensure_demo_account(services, gateway.ports, made["_id"])
    doc = await services.store.of(made["_id"], "live").get("apps", whatsapp["app_id"])
    return Tenant(made["_id"], clients, whatsapp, Client(url, None, session), doc["waba_id"])


@asynccontextmanager
async def operating(gateway: Any, client: Client) -> AsyncIterator[Client]:
    """Have a client's organisation run the deployment for a while: the configuration names its keys."""
    keys = (await client.get("/tenants/api-keys/", params={"page_size": "100"})).ok()["results"]
    auth = gateway.ports.auth
    before, auth._operators = auth._operators, frozenset(key["id"] for key in keys)
    auth.forget(None)
    try:
        yield client
    finally:
        auth._operators = before
        auth.forget(None)
