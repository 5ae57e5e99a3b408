"""WhatsApp through Meta's Cloud API: sending and what its answers mean, files, reviews of templates.

Source: Meta's WhatsApp Business Platform OpenAPI description (v23.0) and its documented error codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import FormData

from jinaconnect.channels.abilities import Review, Sample, Written
from jinaconnect.channels.base import (
    Account,
    ChannelSpec,
    Composed,
    Outcome,
    Outgoing,
    Parts,
    Verified,
    WebhookReply,
    WebhookRequest,
    no_file,
)
from jinaconnect.channels.facts import Fact
from jinaconnect.channels.graph import SIGNATURE_HEADER, challenge, objects, outcome, signature
from jinaconnect.channels.whatsapp.compose import composed, recipient
from jinaconnect.channels.whatsapp.facts import address, facts_of
from jinaconnect.channels.whatsapp.templates import REPORTED, components, fields_of, is_named, sampled, unsampled
from jinaconnect.channels.whatsapp_meta.hooks import verified
from jinaconnect.channels.whatsapp_meta.simulator import BASE_URL, SimulatedMeta, customers_message
from jinaconnect.core.errors import CarrierFailed
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.media_type import media_type, sniffed
from jinaconnect.outbound import Fetched, OutboundError
from jinaconnect.store.blobs import Spool

FETCH_S = 60.0
ABSENT = 100  # the code of an error: there is no such template
MOST_PAGES = 100
MOST_SAMPLE = 100 * 1024 * 1024
TEMPLATE_FIELDS = "name,status,category,language,components,rejected_reason"
NUMBER_FIELDS = "display_phone_number,verified_name,quality_rating,messaging_limit_tier,throughput,status,health_status"


class WhatsappMeta:
    """The Cloud API."""

    spec = ChannelSpec(
        name="whatsapp_meta", platform="WHATSAPP", provider="META", label="WhatsApp",
        # What the carrier gives has more characters; less could be found by trying.
        secrets={"access_token": 16, "app_secret": 16, "verify_token": 8}, settings=("base_url", "api_version"),
        account_address="phone_number_id", business_account="waba_id",
        fields=("is_default", "is_commerce_manager_enabled"), presented=("access_token",),
        webhook_path="/wa/v1/webhooks/{tenant}/",
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings.get(self.spec.name, {})
        self._outside = parts.outbound
        self._simulator = SimulatedMeta(parts)

    async def _call(self, account: Account, method: str, path: str, **options: Any) -> Fetched:
        """Ask the Graph API for `path` below the version; raises what the transport raises."""
        base = BASE_URL if account.simulated else account.settings.get("base_url") or self._settings["base_url"]
        version = account.settings.get("api_version") or self._settings["api_version"]
        return await self._request(account, method, f"{base.rstrip('/')}/{version}/{path}", **options)

    async def _request(
        self, account: Account, method: str, url: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Fetched:
        headers = headers or {"Authorization": f"Bearer {account.secrets.get('access_token', '')}"}
        transport = self._simulator if account.simulated else self._outside
        return await transport.request(method, url, headers=headers, **options)

    # --- sending -------------------------------------------------------------------------------------------------

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return the type-specific part of a Cloud API send."""
        return composed(message)

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send one message (`POST /{phone_number_id}/messages`)."""
        body = {
            "messaging_product": "whatsapp", "recipient_type": "individual", **recipient(to), **wire,
            "biz_opaque_callback_data": reference,
        }  # fmt: skip
        return outcome(await self._call(account, "POST", f"{account.address}/messages", json=body), address)

    # --- webhooks ------------------------------------------------------------------------------------------------

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose a webhook is, by the signature of its body."""
        return verified(accounts, hook)

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return the facts of a webhook, in its order."""
        return facts_of(hook.json)

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """Answer Meta's handshake with its challenge."""
        return challenge(accounts, hook, "verify_token")

    # --- files ---------------------------------------------------------------------------------------------------

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """Ask where a file lies, fetch it with the account's token, and see that it is the one announced."""
        found = await self._call(account, "GET", str(handle["id"]))
        try:
            told = orjson.loads(found.body)
            url = str(told["url"])
        except (ValueError, LookupError, TypeError) as error:
            raise no_file(found.status, f"the carrier answered {found.status} for media") from error
        file = await self._request(account, "GET", url, limit=limit, timeout_s=FETCH_S, into=into)
        if file.status != 200:
            raise no_file(file.status, f"the carrier answered {file.status} for a media file")
        wanted = str(told.get("sha256") or handle.get("sha256") or "").lower()
        if len(wanted) == 64 and wanted != into.digest:
            raise CarrierFailed("the media file is not the one the carrier announced")
        return media_type(handle.get("mime_type") or told.get("mime_type"))

    # --- templates -----------------------------------------------------------------------------------------------

    async def submit(self, account: Account, template: Mapping[str, Any]) -> Review:
        """Hand in a template, or what has changed of one that the carrier has; the simulated one approves at once.

        A file that the carrier has no sample of is fetched and given first.
        """
        samples: dict[int | None, str] = {}
        try:
            for place, url in unsampled(template):
                samples[place] = await self._sample_at(account, place, url)
        except (CarrierFailed, OutboundError) as failed:
            return Review(error=str(failed), samples=samples)
        known, body = template.get("meta_template_id"), self.handed_in(sampled(template, samples))
        if known:
            changed = {name: body[name] for name in ("category", "components")}
            data, error = await self._of_template(account, "POST", str(known), json=changed)
        else:
            data, error = await self._of_template(account, "POST", f"{account.business}/message_templates", json=body)
        if error is None and not known and "id" not in data:
            error = "the carrier named no template"
        if error is not None:
            return Review(error=error, samples=samples)
        status = "APPROVED" if account.simulated else REPORTED.get(str(data.get("status")), "PENDING")
        return Review(status, str(known or data["id"]), samples=samples)

    async def _sample_at(self, account: Account, place: int | None, url: str | None) -> str:
        """Give the file at an address as a sample; raises CarrierFailed naming what has none."""
        what = "the header" if place is None else f"card {place}"
        if url is None:
            raise CarrierFailed(f"{what} has no sample of its file: upload one, or name where it is")
        if account.simulated:
            return await self.give_sample(account, Sample(url, "application/octet-stream", url.encode()))
        found = await self._outside.request("GET", url, follow=True, limit=MOST_SAMPLE, timeout_s=FETCH_S)
        if found.status != 200:
            raise CarrierFailed(f"the file of {what} cannot be fetched: HTTP {found.status}")
        return await self.give_sample(account, Sample(url.rpartition("/")[2], sniffed(found.body)[0], found.body))

    async def give_sample(self, account: Account, file: Sample) -> str:
        """Upload a file piece by piece, as templates and profiles name it: a session, and all of it in one piece."""
        query = {"file_name": file.name[:240] or "file", "file_length": len(file.body), "file_type": file.mime}
        path = f"{account.app or 'app'}/uploads?{urlencode(query)}"
        session, error = await self._of_template(account, "POST", path, json={})
        if error is not None or not session.get("id"):
            raise CarrierFailed(f"the carrier takes no sample: {error or 'it named no session'}")
        name = quote(str(session["id"]), safe=":=?&")  # as it was told, with the signature that it may carry
        headers = {"Authorization": f"OAuth {account.secrets.get('access_token', '')}", "file_offset": "0"}
        given, error = await self._of_template(account, "POST", name, data=file.body, headers=headers)
        if error is not None or not given.get("h"):
            raise CarrierFailed(f"the carrier took no sample: {error or 'it named no handle'}")
        return str(given["h"])

    async def give_file(self, account: Account, file: Sample) -> str:
        """Upload a file for messages; its id is good for thirty days."""
        form = FormData({"messaging_product": "whatsapp", "type": file.mime})
        form.add_field("file", file.body, filename=file.name or "file", content_type=file.mime)
        given, error = await self._of_template(account, "POST", f"{account.address}/media", data=form)
        if error is not None or not given.get("id"):
            raise CarrierFailed(f"the carrier took no file: {error or 'it named no id'}")
        return str(given["id"])

    def handed_in(self, template: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a template as the Cloud API takes it."""
        named = {"parameter_format": "NAMED"} if is_named(template) else {}
        ordering = {"display_format": "ORDER_DETAILS"} if template["template_type"] == "ORDER_DETAILS" else {}
        return {
            "name": template["element_name"], "language": template["language_code"],
            "category": template["category"], **named, **ordering, "components": components(template),
        }  # fmt: skip

    async def look(self, account: Account, template: Mapping[str, Any]) -> Review:
        """Return how a template stands."""
        path = f"{template['meta_template_id']}?fields=status,category,rejected_reason"
        data, error = await self._of_template(account, "GET", path)
        status = REPORTED.get(str(data.get("status")))
        if error is not None or status is None:
            return Review(error=error or "the carrier told no status")
        told = data.get("rejected_reason")
        return Review(status, str(template["meta_template_id"]), reason=None if told in (None, "NONE") else str(told))

    async def withdraw(self, account: Account, template: Mapping[str, Any]) -> str | None:
        """Delete a template in its language; one that is not there is done with."""
        query = urlencode({"name": template["element_name"], "hsm_id": template["meta_template_id"]})
        data, error = await self._of_template(account, "DELETE", f"{account.business}/message_templates?{query}")
        return None if error is None or data.get("code") == ABSENT else error

    async def templates(self, account: Account) -> list[Mapping[str, Any]]:
        """Return the templates of a WhatsApp business account, page by page."""
        found: list[Mapping[str, Any]] = []
        after = ""
        for _ in range(MOST_PAGES):
            query = urlencode({"fields": TEMPLATE_FIELDS, "limit": 100, **({"after": after} if after else {})})
            data, error = await self._of_template(account, "GET", f"{account.business}/message_templates?{query}")
            if error is not None:
                raise CarrierFailed(error)
            found += [fields_of(item) for item in objects(data.get("data"))]
            paging = data.get("paging")
            paging = paging if isinstance(paging, dict) else {}
            cursors = paging.get("cursors")
            after = str(cursors.get("after") or "") if isinstance(cursors, dict) and paging.get("next") else ""
            if not after:
                break
        return found

    async def _of_template(
        self, account: Account, method: str, path: str, **options: Any
    ) -> tuple[Mapping[str, Any], str | None]:
        """Return what the carrier answers to a request about templates, and why it refused, None where it has not."""
        try:
            answer = await self._call(account, method, path, **options)
            data = orjson.loads(answer.body)
        except (OutboundError, ValueError) as error:
            return {}, f"The carrier could not be asked: {error}"
        if not isinstance(data, dict):
            return {}, f"HTTP {answer.status}"
        if answer.status < 400:
            return data, None
        told = data.get("error")
        told = told if isinstance(told, dict) else {}
        return told, str(told.get("message") or f"HTTP {answer.status}")

    # --- the account ---------------------------------------------------------------------------------------------

    async def account_info(self, account: Account) -> Mapping[str, Any]:
        """Return what Meta tells of the number and of whether it may send."""
        answer = await self._call(account, "GET", f"{account.address}?fields={NUMBER_FIELDS}")
        try:
            told = orjson.loads(answer.body)
        except ValueError:
            told = None
        if answer.status != 200 or not isinstance(told, dict):
            raise CarrierFailed(f"the carrier answered {answer.status} for its number")
        throughput, health = told.get("throughput"), told.get("health_status")
        made = {
            "docker_status": told.get("status"), "messaging_limit": told.get("messaging_limit_tier"),
            "phone": told.get("display_phone_number"), "phone_quality": told.get("quality_rating"),
            "throughput": throughput.get("level") if isinstance(throughput, dict) else None,
            "verified_name": told.get("verified_name"), "waba_id": account.business,
            "can_send_message": health.get("can_send_message") if isinstance(health, dict) else None,
        }  # fmt: skip
        return {name: value for name, value in made.items() if isinstance(value, str) and value}

    # --- the simulated carrier -----------------------------------------------------------------------------------

    def simulated_account(self, number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields and credentials of a simulated account."""
        fields = {"waba_id": "9" + number, "phone_number_id": "8" + number, "app_id": "7" + number}
        words = {"access_token": "token", "app_secret": "secret", "verify_token": "verify"}
        return fields, {name: secret(word) for name, word in words.items()}

    def customer_writes(
        self, account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
    ) -> Written:
        """Return the signed webhook of a customer's message."""
        wamid, body = customers_message(account, sender, name, text, media_url, id, at)
        return Written(self._signed(account, body), wamid)

    def _signed(self, account: Account, body: bytes) -> WebhookRequest:
        made = signature(account.secrets["app_secret"], body)
        headers = {"content-type": "application/json", SIGNATURE_HEADER.lower(): made}
        return WebhookRequest(body, url=self.spec.path(account.tenant, account.id), headers=headers)

    def reported(self, account: Account, data: Mapping[str, Any]) -> WebhookRequest:
        """Return the signed webhook of a planned report."""
        return self._signed(account, data["body"].encode())
