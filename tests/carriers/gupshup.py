"""Gupshup as a server on loopback: both its APIs, each in the form of its published pages, and what it posts.

Its forms have no published schema: what a request may hold stands here, read off those pages, and a request that holds
anything else fails the test that made it. What it passes on to Meta is held against Meta's description.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.carriers.cloud_api import message_faults
from tests.carriers.sms import Carrier

FORM = {"channel", "source", "src.name", "destination", "message", "disablePreview"}
TEMPLATE = (FORM - {"disablePreview"}) | {"template", "postbackTexts"}
NEEDED = {
    "text": {"text"}, "image": {"originalUrl", "previewUrl"}, "file": {"url", "filename"}, "audio": {"url"},
    "video": {"url"}, "sticker": {"url"}, "location": {"longitude", "latitude"}, "contact": {"contact"},
    "reaction": {"msgId", "emoji"}, "quick_reply": {"content", "options"},
    "list": {"title", "body", "globalButtons", "items"}, "cta_url": {"display_text", "url", "body"},
}  # fmt: skip


@dataclass
class GupshupServer(Carrier):
    """Gupshup; `by_token` says which of its APIs the account is for."""

    by_token: bool = False
    app_id: str = field(default_factory=lambda: secrets.token_hex(8))
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    app_name: str = "LeeAndSons"
    number: str = "+12025550170"
    subscriptions: list[dict[str, str]] = field(default_factory=list)
    templates: list[dict[str, str]] = field(default_factory=list)
    review: Any = None  # what is answered to a template in place of the good answer
    webhook: str = ""
    secret: str = ""
    serial: int = 0

    def routes(self, application: web.Application) -> None:
        """Listen to both APIs."""
        router = application.router
        router.add_post("/wa/api/v1/msg", self._send)
        router.add_post("/wa/api/v1/template/msg", self._send)
        router.add_post("/wa/app/{app}/template", self._template)
        router.add_post("/partner/app/{app}/v3/message", self._pass_on)
        router.add_post("/partner/app/{app}/templates", self._template)
        router.add_post("/partner/app/{app}/upload/media", self._upload)
        router.add_get("/partner/app/{app}/subscription", self._subscribed)
        router.add_post("/partner/app/{app}/subscription", self._subscribe)
        router.add_delete("/partner/app/{app}/subscription/{id}", self._unsubscribe)

    def account(self, **fields: Any) -> dict[str, Any]:
        """Return the body that adds this carrier to a gateway."""
        base = f"{self.url}/{'partner' if self.by_token else 'wa'}"
        credentials = {"app_token": self.key} if self.by_token else {"api_key": self.key, "app_name": self.app_name}
        return {
            "bsp": "GUPSHUP", "app_name": "Shop", "phone_number": self.number, "app_id": self.app_id, "base_url": base,
            "bsp_credentials": credentials, **fields,
        }  # fmt: skip

    def connected(self, app: dict[str, Any]) -> None:
        """Know where the gateway wants its webhooks."""
        self.secret = app["webhook_secret"]
        self.webhook = "/" + app["webhook_url"].split("/", 3)[3]

    def _stranger(self, request: web.Request) -> web.Response | None:
        name = "Authorization" if self.by_token else "apikey"
        if request.headers.get(name) != self.key:
            return web.json_response({"status": "error", "message": "Authentication Failed"}, status=401)
        if request.match_info.get("app", self.app_id) != self.app_id:
            return web.json_response({"status": "error", "message": "Invalid App Details"}, status=404)
        return None

    async def _send(self, request: web.Request) -> web.StreamResponse:
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True, strict_parsing=True))
        if (refused := self._stranger(request)) is not None:
            return refused
        by_template = request.path.endswith("/template/msg")
        self.faults += [f"{name} is not known" for name in form.keys() - (TEMPLATE if by_template else FORM)]
        given = {name: json.loads(form[name]) for name in ("message", "template", "postbackTexts") if name in form}
        if (form["source"], form["src.name"], form["channel"]) != (self.number[1:], self.app_name, "whatsapp"):
            self.faults.append("the sender is not the app's")
        if not form["destination"].isdigit():
            self.faults.append("destination is not digits alone")
        if by_template:
            if not all(isinstance(each, str) for each in given["template"]["params"]):
                self.faults.append("params are texts")
        elif missing := NEEDED[given["message"]["type"]] - given["message"].keys():
            self.faults.append(f"{given['message']['type']} needs {sorted(missing)}")
        self.requests.append({**form, **given})
        number = form["destination"]
        id = self.ids[number] = secrets.token_hex(12)
        return await self._meet(request, number, {"status": "submitted", "messageId": id}, 202)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if (refused := self._stranger(request)) is not None:
            return refused
        if body.get("messaging_product") != "whatsapp" or not isinstance(body.get(body.get("type")), dict | list):
            self.faults.append("no message of the Cloud API")
        self.faults += message_faults(body)
        reference = body["biz_opaque_callback_data"]
        self.requests.append(body)
        id = self.ids[reference] = secrets.token_hex(12)
        good = {
            "messaging_product": "whatsapp", "contacts": [{"input": body["to"], "wa_id": body["to"]}],
            "messages": [{"id": id}],
        }  # fmt: skip
        return await self._meet(request, reference, good, 200)

    async def _template(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        if (refused := self._stranger(request)) is not None:
            return refused
        self.templates.append(form)
        if self.review is not None:
            return web.json_response(self.review[1], status=self.review[0])
        made = {"id": secrets.token_hex(12), "status": "PENDING", "elementName": form["elementName"]}
        return web.json_response({"status": "success", "template": made})

    async def _upload(self, request: web.Request) -> web.Response:
        """Take the sample of a template's file."""
        if (refused := self._stranger(request)) is not None:
            return refused
        form = await request.post()
        if not form.get("file_type") or not isinstance(form.get("file"), web.FileField):
            return web.json_response({"status": "error", "message": "Invalid media"}, status=400)
        return web.json_response({"status": "success", "handleId": {"message": f"4::{secrets.token_hex(8)}"}})

    async def _subscribed(self, request: web.Request) -> web.Response:
        refused = self._stranger(request)
        return refused or web.json_response({"status": "success", "subscriptions": self.subscriptions})

    async def _subscribe(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode()))
        self.subscriptions.append({**form, "id": secrets.token_hex(4)})
        return web.json_response({"status": "success", "subscription": self.subscriptions[-1]})

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        self.subscriptions = [each for each in self.subscriptions if each["id"] != request.match_info["id"]]
        return web.json_response({"status": "success"})

    # --- what the carrier tells ----------------------------------------------------------------------------------

    def event(self, type: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Return a webhook of version 2."""
        stamp = int(time.time() * 1000)
        return {"app": self.app_name, "timestamp": stamp, "version": 2, "type": type, "payload": payload}

    def said(self, number: str, type: str, part: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Return a customer's message in version 2."""
        self.serial += 1
        digits = number.lstrip("+")
        person = {"phone": digits, "name": "Andy", "country_code": digits[:1], "dial_code": digits[1:]}
        payload = {"id": f"wamid.I{self.serial}{secrets.token_hex(6)}", "source": digits, "type": type,
                   "payload": part, "sender": person, **fields}  # fmt: skip
        return self.event("message", payload)

    def report(self, number: str, type: str, **part: Any) -> dict[str, Any]:
        """Return a message event of version 2 on what was sent to a number."""
        digits, own = number.lstrip("+"), self.ids[number.lstrip("+")]
        network = f"wamid.O{own}"
        if type == "enqueued":
            ids, part = {"id": own}, {"whatsappMessageId": network, "type": "session", **part}
        elif type == "failed":
            ids = {"id": own}
        else:
            ids, part = {"id": network, "gsId": own}, {"ts": int(time.time()), **part}
        return self.event("message-event", {**ids, "type": type, "destination": digits, "payload": part})

    def envelope(self, **value: Any) -> dict[str, Any]:
        """Return a webhook of version 3."""
        metadata = {"display_phone_number": self.number[1:], "phone_number_id": "106540352242922"}
        change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
        entry = [{"id": "102290129340398", "changes": [change]}]
        return {"gs_app_id": self.app_id, "object": "whatsapp_business_account", "entry": entry}

    def status(self, reference: str, status: str, **fields: Any) -> dict[str, Any]:
        """Return a report of version 3 on a message of ours."""
        own = self.ids[reference]
        stamp: Any = int(time.time() * 1000) if status == "enqueued" else str(int(time.time()))
        item = {"id": f"wamid.O{own}", "gs_id": own, "status": status, "timestamp": stamp, "recipient_id": "1",
                "biz_opaque_callback_data": reference, **fields}  # fmt: skip
        return self.envelope(statuses=[item])
