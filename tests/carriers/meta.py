"""Meta's Cloud API as a server on loopback: takes sends, counts them, misbehaves when told to, reports by webhook.

Requests, answers, errors and webhooks have the wire form of Meta's WhatsApp Business Platform description (v23.0), and
every request is held against it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.carriers.cloud_api import Asked, description, request_faults


@dataclass(frozen=True)
class Behaviour:
    """What one send meets: `accept` decides whether Meta acts on it, the rest how the answer looks.

    `status` and `code` make an error answer (without a code: the page of a proxy), `body` an answer word for word,
    `delay_s` comes before any answer, `reset` ends the connection after the request was read.
    """

    accept: bool = True
    status: int = 200
    code: int | None = None
    retry_after: str | None = None
    delay_s: float = 0.0
    reset: bool = False
    body: str | None = None


def refusal(status: int, code: int | None, retry_after: str | None = None) -> Behaviour:
    """Return a refusal with Meta's error object."""
    return Behaviour(accept=False, status=status, code=code, retry_after=retry_after)


@dataclass
class MetaServer:
    """The carrier; `next` holds how it meets the coming sends, one each, after which it does as `usual`: it accepts."""

    phone_number_id: str = field(default_factory=lambda: "1" + str(secrets.randbelow(10**14)).zfill(14))
    waba_id: str = field(default_factory=lambda: "2" + str(secrets.randbelow(10**14)).zfill(14))
    access_token: str = field(default_factory=lambda: "EAA" + secrets.token_hex(20))
    app_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    verify_token: str = field(default_factory=lambda: secrets.token_hex(8))
    version: str = "v23.0"
    port: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[float, str]] = field(default_factory=list)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    media: dict[str, bytes] = field(default_factory=dict)
    wa_ids: dict[str, str] = field(default_factory=dict)
    number: dict[str, Any] = field(default_factory=dict)  # what is told of it
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    takes_templates: bool = True
    sessions: dict[str, dict[str, str]] = field(default_factory=dict)  # uploads that were begun
    handles: dict[str, bytes] = field(default_factory=dict)  # what was uploaded in them
    faults: list[str] = field(default_factory=list)  # what of a request did not fit the description
    next: deque[Behaviour] = field(default_factory=deque)
    usual: Behaviour = field(default_factory=Behaviour)
    _runner: web.AppRunner | None = field(default=None, repr=False)
    _serial: int = 0

    async def start(self) -> None:
        """Listen; a second start listens on the port of the first."""
        description()  # read before there is anything to wait for it
        application = web.Application(middlewares=[self._hold])
        application.router.add_post("/{version}/{id}/messages", self._send)
        application.router.add_get("/{version}/{id}", self._look_up)
        application.router.add_post("/{version}/{id}/message_templates", self._template)
        application.router.add_post("/{version}/{app}/uploads", self._open_upload)
        application.router.add_post("/{version}/{phone}/media", self._keep)
        application.router.add_post("/{version}/upload:{session}", self._upload)
        application.router.add_post("/{version}/{id}", self._template)
        application.router.add_delete("/{version}/{id}/message_templates", self._withdraw)
        application.router.add_get("/{version}/{id}/message_templates", self._list)
        application.router.add_get("/files/{id}", self._download)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuse connections from now on; a request that did not fit its description fails the test."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        assert not self.faults, "\n".join(sorted(set(self.faults)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def times_asked(self, reference: str) -> list[float]:
        """Return when requests for a message came in."""
        return [at for at, name in self.asked if name == reference]

    def account(self, phone: str) -> dict[str, Any]:
        """Return the body that adds this carrier to a gateway as a WhatsApp app."""
        return {
            "app_name": "Carrier", "phone_number": phone, "waba_id": self.waba_id, "base_url": self.url,
            "daily_limit": 1_000_000,
            "phone_number_id": self.phone_number_id, "app_secret": self.app_secret, "verify_token": self.verify_token,
            "bsp_credentials": {"access_token": self.access_token},
        }  # fmt: skip

    # --- what the gateway asks -----------------------------------------------------------------------------------

    @web.middleware
    async def _hold(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Hold a request against the description, whatever becomes of it."""
        version, id, *rest = request.path.strip("/").split("/")
        if version == "files" or rest == ["uploads"] or id.startswith("upload:"):
            return await handler(request)  # of the Graph API in general, which the description leaves out
        if rest:
            kind = "WABA-ID" if rest == ["message_templates"] else "Phone-Number-ID"
        elif id == self.phone_number_id:
            kind = "Phone-Number-ID"
        else:
            kind = "TEMPLATE_ID" if id in self.templates or request.method == "POST" else "Media-ID"
        body: Any = None
        if request.content_type == "multipart/form-data":
            form = await request.post()
            body = {name: part.filename if isinstance(part, web.FileField) else part for name, part in form.items()}
        elif raw := await request.read():
            body = json.loads(raw)
        path = "/".join(("/{Version}", f"{{{kind}}}", *rest))
        named = {"Version": version, kind: id}
        self.faults += request_faults(Asked(request.method, path, named, request.query, request.headers, body))
        return await handler(request)

    def _stranger(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.access_token}":
            return self._error(401, 190, "Invalid OAuth access token.")
        if "version" in request.match_info and request.match_info["version"] != self.version:
            return self._error(400, 2635, "The version is not available.")
        return None

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if (refused := self._stranger(request)) is not None:
            return refused
        if request.match_info["id"] != self.phone_number_id:
            return self._error(400, 100, "Unsupported post request.")
        if body.get("messaging_product") != "whatsapp" or not isinstance(body.get(body.get("type")), Mapping | list):
            return self._error(400, 131009, "Parameter value is not valid.")
        reference = body.get("biz_opaque_callback_data", "")
        self.asked.append((time.monotonic(), reference))
        self.bodies[reference] = body
        behaviour = self.next.popleft() if self.next else self.usual
        wamid = ""
        if behaviour.accept:
            self._serial += 1
            wamid = f"wamid.C{self._serial}{secrets.token_hex(8)}"
            self.accepted[reference] += 1
            self.ids[reference] = wamid
        if behaviour.delay_s:
            await asyncio.sleep(behaviour.delay_s)
        if behaviour.reset:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if behaviour.body is not None:
            return web.Response(status=behaviour.status, text=behaviour.body, content_type="application/json")
        if behaviour.code is not None or behaviour.status != 200:
            return self._error(behaviour.status, behaviour.code, "Told to refuse.", behaviour.retry_after)
        named = {"input": body.get("recipient"), "user_id": body.get("recipient")}
        if "to" in body:
            to = body["to"].lstrip("+")
            named = {"input": body["to"], "wa_id": self.wa_ids.get(to, to)}
        return web.json_response(
            {
                "messaging_product": "whatsapp",
                "contacts": [named],
                "messages": [{"id": wamid}],
            }
        )

    async def _template(self, request: web.Request) -> web.Response:
        """Take a template that is handed in, or what has changed of one."""
        if (refused := self._stranger(request)) is not None:
            return refused
        if not self.takes_templates:
            return self._error(500, 2, "Service temporarily unavailable.")
        id, body = request.match_info["id"], await request.json()
        if id in self.templates:
            self.templates[id] |= {**body, "status": "PENDING"}
            return web.json_response({"success": True})
        if id != self.waba_id:
            return self._error(400, 100, "Unsupported post request.")
        self._serial += 1
        made = f"77{self._serial}{secrets.randbelow(10**9)}"
        self.templates[made] = {**body, "status": "PENDING", "rejected_reason": "NONE", "id": made}
        return web.json_response({"id": made, "status": "PENDING", "category": body["category"]})

    async def _open_upload(self, request: web.Request) -> web.Response:
        """Begin an upload of a file that templates are reviewed with."""
        if (refused := self._stranger(request)) is not None:
            return refused
        told = dict(request.query)
        if told.keys() != {"file_name", "file_length", "file_type"}:
            return self._error(400, 100, "Invalid parameter")
        session = f"{secrets.token_hex(6)}=="
        self.sessions[session] = {**told, "app": request.match_info["app"]}
        return web.json_response({"id": f"upload:{session}?sig=ARa{secrets.token_hex(4)}"})

    async def _upload(self, request: web.Request) -> web.Response:
        body, told = await request.read(), self.sessions.get(request.match_info["session"])
        signed = request.headers.get("Authorization") == f"OAuth {self.access_token}" and "sig" in request.query
        if told is None or not signed or request.headers.get("file_offset") != "0":
            return self._error(400, 100, "Invalid upload")
        if len(body) != int(told["file_length"]):
            return self._error(400, 6000, "There was a problem uploading your file.")
        handle = f"4::aW1hZ2U=:{secrets.token_hex(8)}"
        self.handles[handle] = body
        return web.json_response({"h": handle})

    async def _keep(self, request: web.Request) -> web.Response:
        """Keep a file that messages are to show."""
        if (refused := self._stranger(request)) is not None:
            return refused
        form = await request.post()
        file = form.get("file")
        if form.get("messaging_product") != "whatsapp" or not isinstance(file, web.FileField):
            return self._error(400, 100, "Invalid parameter")
        id = str(10**14 + secrets.randbelow(10**14))
        self.media[id] = file.file.read()
        return web.json_response({"id": id})

    async def _list(self, request: web.Request) -> web.Response:
        """List the templates, two to a page."""
        if (refused := self._stranger(request)) is not None:
            return refused
        if request.match_info["id"] != self.waba_id or not self.takes_templates:
            return self._error(500, 2, "Service temporarily unavailable.")
        names = request.query["fields"].split(",")
        ids = [id for id in sorted(self.templates) if id > request.query.get("after", "")]
        rows = [{name: self.templates[id].get(name) for name in (*names, "id")} for id in ids[:2]]
        paging: dict[str, Any] = {"cursors": {"before": "", "after": ids[:2][-1] if ids else ""}}
        if len(ids) > 2:
            paging["next"] = f"{self.url}{request.path}?after={ids[1]}"
        return web.json_response({"data": rows, "paging": paging})

    async def _withdraw(self, request: web.Request) -> web.Response:
        if (refused := self._stranger(request)) is not None:
            return refused
        if self.templates.pop(request.query.get("hsm_id", ""), None) is None:
            return self._error(400, 100, "There is no such template.")
        return web.json_response({"success": True})

    async def _look_up(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if (refused := self._stranger(request)) is not None:
            return refused
        if id in self.templates:
            names = request.query["fields"].split(",")
            return web.json_response({name: self.templates[id].get(name) for name in (*names, "id")})
        if id == self.phone_number_id and self.number:
            return web.json_response({**self.number, "id": id})
        if id not in self.media:
            return self._error(400, 100, "Unsupported get request.")
        digest = hashlib.sha256(self.media[id]).hexdigest()
        return web.json_response(
            {
                "url": f"{self.url}/files/{id}", "mime_type": "image/jpeg", "sha256": digest,
                "file_size": len(self.media[id]), "id": id, "messaging_product": "whatsapp",
            }
        )  # fmt: skip

    async def _download(self, request: web.Request) -> web.Response:
        if (refused := self._stranger(request)) is not None:
            return refused
        return web.Response(body=self.media[request.match_info["id"]], content_type="image/jpeg")

    @staticmethod
    def _error(status: int, code: int | None, text: str, retry_after: str | None = None) -> web.Response:
        headers = {"Retry-After": retry_after} if retry_after else {}
        if code is None:
            return web.Response(status=status, text="<html>Sorry, something went wrong.</html>", headers=headers)
        error = {
            "message": f"(#{code}) {text}", "type": "OAuthException", "code": code,
            "error_data": {"messaging_product": "whatsapp", "details": text}, "fbtrace_id": secrets.token_hex(6),
        }  # fmt: skip
        return web.json_response({"error": error}, status=status, headers=headers)

    # --- what the carrier tells ----------------------------------------------------------------------------------

    def webhook(self, **value: Any) -> bytes:
        """Return a webhook body with one change."""
        metadata = {"display_phone_number": "15550783881", "phone_number_id": self.phone_number_id}
        change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
        return json.dumps(
            {"object": "whatsapp_business_account", "entry": [{"id": self.waba_id, "changes": [change]}]}
        ).encode()

    def inbound(self, sender: str, *messages: Mapping[str, Any], name: str = "Ann") -> bytes:
        """Return a webhook body with messages of one customer; `id` and `timestamp` are filled in where missing."""
        full = []
        for message in messages:
            self._serial += 1
            defaults = {"id": f"wamid.I{self._serial}{secrets.token_hex(8)}", "timestamp": str(int(time.time()))}
            full.append({"from": sender, **defaults, **message})
        return self.webhook(contacts=[{"profile": {"name": name}, "wa_id": sender}], messages=full)

    def text(self, sender: str, text: str, **fields: Any) -> bytes:
        """Return a webhook body with one inbound text."""
        return self.inbound(sender, {"type": "text", "text": {"body": text}, **fields})

    def report(self, reference: str, status: str, recipient: str = "15550001111", **more: Any) -> bytes:
        """Return a webhook body that reports on a message the carrier accepted, with `more` of its fields."""
        told = {
            "id": self.ids[reference], "status": status, "timestamp": str(int(time.time())),
            "recipient_id": recipient, "biz_opaque_callback_data": reference, **more,
        }  # fmt: skip
        return self.webhook(statuses=[told])

    def signed(self, body: bytes) -> dict[str, str]:
        """Return the headers of a webhook, with its signature."""
        mac = hmac.new(self.app_secret.encode(), body, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={mac}"}

    async def post(self, session: aiohttp.ClientSession, url: str, body: bytes) -> int:
        """Post a webhook, signed with the app secret; returns the answer's status."""
        async with session.post(url, data=body, headers=self.signed(body)) as answer:
            await answer.read()
            return answer.status
