"""Google's RBM as a server on loopback: gives tokens for signed assertions, takes messages, misbehaves when told to.

Requests, answers, errors and events have the form of Google's public description (v1). The private key is one of the
test's own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SCOPE = "https://www.googleapis.com/auth/rcsbusinessmessaging"


@cache
def private_key() -> rsa.RSAPrivateKey:
    """Return the key of the service account; making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Behaviour:
    """What one send meets: an error, a broken connection after it was taken (`reset`), or one that hangs until then."""

    status: int = 200
    name: str = ""
    message: str = "Told to refuse."
    retry_after: str | None = None
    reset: bool = False
    hang: bool = False


@dataclass
class RbmServer:
    """RBM with one agent; `next` holds how it meets the coming sends, one each, after which it accepts."""

    agent: str = field(default_factory=lambda: "agent_" + secrets.token_hex(4))
    email: str = "rcs@shop.iam.gserviceaccount.com"
    port: int = 0
    tokens: set[str] = field(default_factory=set)
    granted: int = 0
    ungranted: deque[tuple[int, Any, dict[str, str]]] = field(default_factory=deque)  # answers in place of tokens
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    revoked: list[str] = field(default_factory=list)
    not_on_rcs: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    checks: list[list[str]] = field(default_factory=list)
    next: deque[Behaviour] = field(default_factory=deque)
    client_token: str = ""
    path: str = ""
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = field(default=None, repr=False)
    _serial: int = 0

    async def start(self) -> None:
        """Listen."""
        application = web.Application()
        application.router.add_post("/token", self._token)
        application.router.add_post("/v1/phones/{number}/agentMessages", self._send)
        application.router.add_delete("/v1/phones/{number}/agentMessages/{id}", self._revoke)
        application.router.add_get("/v1/phones/{number}/capabilities", self._capabilities)
        application.router.add_post("/v1/users:batchGet", self._batch)
        application.router.add_get("/files/{name}", self._file)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End."""
        self.let_go.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def key_file(self) -> dict[str, str]:
        """Return the service account's key file."""
        pem = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {
            "type": "service_account", "client_email": self.email, "private_key": pem, "token_uri": f"{self.url}/token",
        }  # fmt: skip

    def app(self) -> dict[str, Any]:
        """Return the body that adds this agent to a gateway."""
        return {
            "agent_id": self.agent, "base_url": self.url,
            "provider_credentials": {"service_account_json": self.key_file()},
        }  # fmt: skip

    # --- what the gateway asks -----------------------------------------------------------------------------------

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if self.ungranted:
            status, body, headers = self.ungranted.popleft()
            if isinstance(body, str):
                return web.Response(status=status, text=body, headers=headers)
            return web.json_response(body, status=status, headers=headers)
        try:
            claims = jwt.decode(
                str(form.get("assertion")), private_key().public_key(), algorithms=["RS256"],
                audience=f"{self.url}/token", issuer=self.email,
            )  # fmt: skip
        except jwt.PyJWTError as error:
            return web.json_response({"error": "invalid_grant", "error_description": str(error)}, status=400)
        good = form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" and claims["scope"] == SCOPE
        if not good or claims["exp"] - claims["iat"] > 3600:
            return web.json_response({"error": "invalid_scope"}, status=400)
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        self.granted += 1
        return web.json_response({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def _stranger(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return self._error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if request.query.get("agentId") != self.agent:
            return self._error(403, "PERMISSION_DENIED", "The caller does not have permission for the agent.")
        number = request.match_info.get("number", "+1")
        if not number.startswith("+"):
            return self._error(400, "INVALID_ARGUMENT", "The number is not in E.164 form.")
        return None

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if (refused := self._stranger(request)) is not None:
            return refused
        id, number = request.query["messageId"], request.match_info["number"]
        self.asked[id] += 1
        if number in self.not_on_rcs:
            return self._error(404, "NOT_FOUND", "The user is not reachable by RCS.")
        behaviour = self.next.popleft() if self.next else Behaviour()
        if behaviour.status != 200:
            return self._error(behaviour.status, behaviour.name, behaviour.message, behaviour.retry_after)
        if id in self.messages:
            self.repeated[id] += 1
            return self._error(409, "ALREADY_EXISTS", "There is a message of this id.")
        self.messages[id] = {"number": number, **body}
        if behaviour.hang:
            await self.let_go.wait()
        if behaviour.reset or behaviour.hang:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.json_response({"name": f"phones/{number}/agentMessages/{id}", "sendTime": self._now(), **body})

    async def _revoke(self, request: web.Request) -> web.Response:
        if (refused := self._stranger(request)) is not None:
            return refused
        if request.match_info["id"] not in self.messages:
            return self._error(404, "NOT_FOUND", "There is no such message.")
        self.revoked.append(request.match_info["id"])
        return web.json_response({})

    async def _capabilities(self, request: web.Request) -> web.Response:
        if (refused := self._stranger(request)) is not None:
            return refused
        number = request.match_info["number"]
        self.checks.append([number])
        if number in self.not_on_rcs:
            return self._error(404, "NOT_FOUND", "The user is not reachable by RCS.")
        return web.json_response({"features": ["RICHCARD_STANDALONE", "ACTION_DIAL"]})

    async def _batch(self, request: web.Request) -> web.Response:
        users = (await request.json())["users"]
        if (refused := self._stranger(request)) is not None:
            return refused
        if not 500 <= len(users) <= 10_000:
            return self._error(400, "INVALID_ARGUMENT", "500 to 10000 numbers are needed.")
        self.checks.append(users)
        reached = [number for number in users if number not in self.not_on_rcs]
        return web.json_response({"reachableUsers": reached, "totalRandomSampleUserCount": 0})

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["name"]], content_type="image/jpeg")

    @staticmethod
    def _error(code: int, name: str, message: str, retry_after: str | None = None) -> web.Response:
        headers = {"Retry-After": retry_after} if retry_after else {}
        error = {"code": code, "message": message, "status": name}
        return web.json_response({"error": error}, status=code, headers=headers)

    @staticmethod
    def _now() -> str:
        return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    # --- what Google posts ---------------------------------------------------------------------------------------

    def event(self, number: str, **what: Any) -> dict[str, Any]:
        """Return an event of a customer."""
        self._serial += 1
        return {"senderPhoneNumber": number, "agentId": self.agent, "sendTime": self._now(), **what}

    def said(self, number: str, **what: Any) -> dict[str, Any]:
        """Return a customer's message."""
        self._serial += 1
        return self.event(number, messageId=f"in-{self._serial}-{secrets.token_hex(4)}", **what)

    def reported(self, number: str, id: str, kind: str) -> dict[str, Any]:
        """Return the event that a message was delivered or read."""
        return self.event(number, eventType=kind, messageId=id, eventId=secrets.token_hex(8))

    def posted(self, event: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return (body, headers) of an event in its envelope, signed."""
        data = json.dumps(event).encode()
        made = base64.b64encode(hmac.new(self.client_token.encode(), data, hashlib.sha512).digest()).decode()
        message = {
            "data": base64.b64encode(data).decode(), "messageId": str(int(time.time() * 1000)),
            "attributes": {"product": "RBM", "type": "event"},
        }  # fmt: skip
        body = json.dumps({"message": message, "subscription": "projects/x/subscriptions/y"}).encode()
        return body, {"Content-Type": "application/json", "X-Goog-Signature": made}
