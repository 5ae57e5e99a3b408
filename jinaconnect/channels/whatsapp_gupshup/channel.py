"""WhatsApp through Gupshup: over its own API with an account's key, or in the Cloud API's form with an app's token.

Source: Gupshup's published pages. With a key, messages go as forms and version 2 of its webhooks comes back; a lost
answer is not reconciled, for no reference of ours goes along. With a token everything WhatsApp has can be sent, and
version 3 comes back with our reference. Gupshup signs nothing: its webhooks' address has a secret in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import FormData

from jinaconnect.channels.abilities import Connected, Review, Sample, Written
from jinaconnect.channels.base import (
    Accepted,
    Account,
    Cause,
    ChannelSpec,
    Composed,
    FileRefused,
    Outcome,
    Outgoing,
    Parts,
    Refused,
    Unknown,
    Verified,
    WebhookReply,
    WebhookRequest,
    no_file,
)
from jinaconnect.channels.facts import Fact
from jinaconnect.channels.graph import outcome as clouds_outcome
from jinaconnect.channels.pace import Pace, wait_of
from jinaconnect.channels.simulated import posted
from jinaconnect.channels.unsigned import trusted
from jinaconnect.channels.whatsapp.compose import composed, recipient
from jinaconnect.channels.whatsapp.envelope import OBJECT, kind_of, lane_of
from jinaconnect.channels.whatsapp.facts import address
from jinaconnect.channels.whatsapp.templates import REPORTED, unsampled
from jinaconnect.channels.whatsapp_gupshup.compose import in_gupshups_words
from jinaconnect.channels.whatsapp_gupshup.facts import KINDS, facts_of, in_clouds_form
from jinaconnect.channels.whatsapp_gupshup.simulator import SimulatedGupshup, customers_body
from jinaconnect.channels.whatsapp_gupshup.templates import fields_of
from jinaconnect.core.errors import CarrierFailed, Invalid
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.inbox.media_type import media_type
from jinaconnect.outbound import Fetched, OutboundError
from jinaconnect.store.blobs import Spool

FETCH_S = 60.0
TAG = "jinaconnect"  # what our subscription is called at Gupshup
MODES = "MESSAGE,ENQUEUED,SENT,DELIVERED,READ,FAILED,OTHERS,TEMPLATE,ACCOUNT"
INFO = {
    "accountStatus": "account_status", "dockerStatus": "docker_status", "messagingLimit": "messaging_limit",
    "mmLiteStatus": "mm_lite_status", "ownershipType": "ownership_type", "phone": "phone",
    "phoneQuality": "phone_quality", "throughput": "throughput", "verifiedName": "verified_name", "wabaId": "waba_id",
    "canSendMessage": "can_send_message", "errors": "errors", "additionalInfo": "additional_info",
}  # fmt: skip
_FORM = "application/x-www-form-urlencoded"
_ELSEWHERE = (301, 307, 308)


class WhatsappGupshup:
    """Gupshup's API for accounts, and the one for apps of partners."""

    spec = ChannelSpec(
        name="whatsapp_gupshup", platform="WHATSAPP", provider="GUPSHUP", label="WhatsApp",
        secrets={"api_key": 16, "app_token": 16, "webhook_secret": 16}, presented=("api_key", "app_token"),
        settings=("app_name", "base_url"), account_address="_id", business_account="app_id",
        fields=("is_default", "is_commerce_manager_enabled"),
        webhook_path="/wa/v1/webhooks/{account}/inbound/", taken=WebhookReply(""), pace=Pace(account_per_s=20),
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings.get(self.spec.name, {})
        self._outside = parts.outbound
        self._simulator = SimulatedGupshup(parts)

    async def _ask(
        self, account: Account, method: str, path: str, form: Mapping[str, str] | None = None, json: Any = None,
        data: Any = None,
    ) -> Fetched:  # fmt: skip
        """Ask an API for a path of it: with a token the partners' one. Raises what the transport raises."""
        by_token = "app_token" in account.secrets
        base = account.settings.get("base_url") or self._settings["partner_url" if by_token else "base_url"]
        name = "Authorization" if by_token else self._settings["key_header"]
        headers = {name: account.secrets.get("app_token" if by_token else "api_key", "")}
        if form is not None:
            headers["Content-Type"] = _FORM
            data = urlencode(form).encode()
        url = f"{base.rstrip('/')}/{path}"
        return await self._outside.request(method, url, headers=headers, data=data, json=json)

    # --- sending -------------------------------------------------------------------------------------------------

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return a message in the form of the API that the account's credentials are for."""
        return composed(message) if "app_token" in account.secrets else in_gupshups_words(message)

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send one message, the way it was composed for."""
        if "path" not in wire:
            body = {
                "messaging_product": "whatsapp", "recipient_type": "individual", **recipient(to), **wire,
                "biz_opaque_callback_data": reference,
            }  # fmt: skip
            if account.simulated:
                return outcome(await self._simulator.passed_on(account, body))
            return outcome(await self._ask(account, "POST", f"app/{quote(account.business)}/v3/message", json=body))
        if to.field != PHONE:
            return Refused("phone", "Gupshup's own API writes to numbers alone.")
        parts = {name: value for name, value in wire.items() if name != "path"}
        form = {
            "channel": "whatsapp", "source": account.phone.lstrip("+"), "destination": str(to.value).lstrip("+"),
            "src.name": account.settings.get("app_name", ""),
            **{name: each if isinstance(each, str) else orjson.dumps(each).decode() for name, each in parts.items()},
        }  # fmt: skip
        if account.simulated:
            return outcome(await self._simulator.by_form(account, form, reference))
        return outcome(await self._ask(account, "POST", wire["path"], form))

    # --- webhooks ------------------------------------------------------------------------------------------------

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose a webhook is, by the secret in its address or beside it; nothing in its body is trusted."""
        account, body = trusted(accounts, hook), hook.json
        if not isinstance(body, dict):
            return Verified((), reason="not an event of Gupshup's")
        if body.get("object") == OBJECT:
            return Verified((account.id,), kind_of(body), lane_of(body))
        return Verified((account.id,), KINDS.get(str(body.get("type")), "UNKNOWN"), lane_of(in_clouds_form(body)))

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return the facts of a webhook, in its order."""
        return facts_of(hook.json, hook.part(-2))

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """Gupshup does not ask."""
        return None

    # --- files ---------------------------------------------------------------------------------------------------

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """Fetch a file from where Gupshup keeps it for a week; no credential goes there."""
        at = f"{self._settings['media_url'].rstrip('/')}/wa/{quote(account.business)}/wa/media/"
        url = str(handle.get("url") or f"{at}{quote(str(handle['id']))}?download=false")
        file = await self._outside.request("GET", url, follow=True, limit=limit, timeout_s=FETCH_S, into=into)
        if file.status in (400, 404, 410):
            raise FileRefused(f"Gupshup has the file no more: it answered {file.status}")
        if file.status != 200:
            raise no_file(file.status, f"Gupshup answered {file.status} for a media file")
        wanted = str(handle.get("sha256") or "").lower()
        if len(wanted) == 64 and wanted != into.digest:
            raise CarrierFailed("the media file is not the one that was announced")
        return media_type(handle.get("mime_type") or file.headers.get("content-type"))

    # --- templates -----------------------------------------------------------------------------------------------

    async def submit(self, account: Account, template: Mapping[str, Any]) -> Review:
        """Hand in a template; the simulated carrier approves at once. Samples by address Gupshup fetches itself."""
        if account.simulated:
            return Review("APPROVED", self._simulator.template_id(template))
        if not account.business:
            return Review(error="The app has no app_id, which Gupshup takes templates by.")
        lacking = [place for place, url in unsampled(template) if url is None and place is not None]
        if lacking:
            return Review(error=f"card {lacking[0]} has no sample of its file: upload one, or name where it is")
        path = f"app/{quote(account.business)}/{'templates' if 'app_token' in account.secrets else 'template'}"
        try:
            answer = await self._ask(account, "POST", path, fields_of(template))
        except OutboundError as error:
            return Review(error=f"The carrier could not be asked: {error}")
        told = _object(answer)
        made = told.get("template")
        if answer.status >= 400 or told.get("status") == "error" or not isinstance(made, dict) or not made.get("id"):
            return Review(error=str(told.get("message") or f"HTTP {answer.status}")[:500])
        return Review(REPORTED.get(str(made.get("status", "")).upper(), "PENDING"), str(made["id"]))

    async def give_sample(self, account: Account, file: Sample) -> str:
        """Upload a sample, which partners' API alone takes."""
        if account.simulated:
            return self._simulator.template_id({"_id": file.name})
        told = await self._upload(account, "upload/media", file)
        handle = told.get("handleId")
        handle = handle.get("message") if isinstance(handle, dict) else handle
        if not handle:
            raise CarrierFailed(f"Gupshup took no sample: {told.get('message') or 'it named no handle'}")
        return str(handle)

    async def give_file(self, account: Account, file: Sample) -> str:
        """Upload a file for messages, kept for thirty days; partners' API alone takes one."""
        if account.simulated:
            return self._simulator.template_id({"_id": file.name})
        told = await self._upload(account, "media", file)
        if not told.get("mediaId"):
            raise CarrierFailed(f"Gupshup took no file: {told.get('message') or 'it named no id'}")
        return str(told["mediaId"])

    async def _upload(self, account: Account, path: str, file: Sample) -> dict[str, Any]:
        if "app_token" not in account.secrets:
            raise CarrierFailed("Gupshup takes files by an app_token alone; without one name where the file is")
        form = FormData({"file_type": file.mime})
        form.add_field("file", file.body, filename=file.name or "file", content_type=file.mime)
        answer = await self._ask(account, "POST", f"app/{quote(account.business)}/{path}", data=form)
        told = _object(answer)
        if answer.status >= 400 or told.get("status") == "error":
            raise CarrierFailed(f"Gupshup answered {answer.status}: {told.get('message') or 'nothing'}")
        return told

    # --- the account ---------------------------------------------------------------------------------------------

    async def account_info(self, account: Account) -> Mapping[str, Any]:
        """Return what Gupshup tells of the app's number and business account; partners' API alone does."""
        if account.simulated:
            return self._simulator.account_info(account)
        if "app_token" not in account.secrets:
            raise CarrierFailed("Gupshup tells of an app by its app_token alone")
        answer = await self._ask(account, "GET", f"app/{quote(account.business)}/waba/info")
        told = _object(answer).get("wabaInfo")
        if answer.status != 200 or not isinstance(told, dict):
            raise CarrierFailed(f"Gupshup answered {answer.status}: {_object(answer).get('message') or 'nothing'}")
        return {name: told[given] for given, name in INFO.items() if told.get(given) is not None}

    async def connect(self, account: Account, url: str) -> Connected:
        """Have an app's events posted to `url` with the account's secret; with a key its owner does so by hand."""
        if "app_token" not in account.secrets:
            return Connected()
        url = f"{url}{account.secrets['webhook_secret']}/"
        held = await self._subscriptions(account)
        if any(each.get("url") == url and str(each.get("version")) == "3" for each in held):
            return Connected()
        await self._drop(account, held)
        wanted = {"modes": MODES, "tag": TAG, "url": url, "version": "3", "showOnUI": "false", "doCheck": "false"}
        answer = await self._ask(account, "POST", f"app/{quote(account.business)}/subscription", wanted)
        if answer.status >= 400 or _object(answer).get("status") == "error":
            raise CarrierFailed(f"Gupshup answered {answer.status} to the webhook: {_object(answer).get('message')}")
        return Connected()

    async def disconnect(self, account: Account) -> None:
        """Have an app's events posted here no more."""
        if "app_token" in account.secrets:
            await self._drop(account, await self._subscriptions(account))

    async def _subscriptions(self, account: Account) -> list[Mapping[str, Any]]:
        """Return our subscriptions to an app; raises Invalid naming the token or the id that Gupshup refuses."""
        answer = await self._ask(account, "GET", f"app/{quote(account.business)}/subscription")
        if answer.status in (401, 403):
            raise Invalid.field("bsp_credentials.app_token", "Gupshup refuses it for this app_id")
        if answer.status == 404:
            raise Invalid.field("app_id", "Gupshup knows no such app")
        if answer.status != 200:
            raise CarrierFailed(f"Gupshup answered {answer.status} for the app's subscriptions")
        held = _object(answer).get("subscriptions")
        return [each for each in held if isinstance(each, dict) and each.get("tag") == TAG] if held else []

    async def _drop(self, account: Account, held: Sequence[Mapping[str, Any]]) -> None:
        for each in held:
            answer = await self._ask(
                account, "DELETE", f"app/{quote(account.business)}/subscription/{quote(str(each.get('id')))}"
            )
            if answer.status >= 400 and answer.status != 404:
                raise CarrierFailed(f"Gupshup answered {answer.status} to the end of a subscription")

    # --- the simulated carrier -----------------------------------------------------------------------------------

    def simulated_account(self, number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields and credentials of a simulated account."""
        return {"app_id": number}, {"app_token": secret("token"), "webhook_secret": secret("webhook")}

    def customer_writes(
        self, account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
    ) -> Written:
        """Return the webhook of a customer's message."""
        network_id, told = customers_body(account, sender, name, text, media_url, id, at)
        return Written(self.reported(account, {"json": told}), network_id)

    def reported(self, account: Account, data: Mapping[str, Any]) -> WebhookRequest:
        """Return the webhook of a planned report or answer."""
        return posted(account, self.spec.path(account.tenant, account.id), json=data["json"])


def _object(answer: Fetched) -> dict[str, Any]:
    try:
        told = orjson.loads(answer.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def outcome(answer: Fetched) -> Outcome:
    """Return what an answer to a send means, in either form.

    Only Gupshup's own word that it did not take the message is a refusal: a 5xx without one may come from whatever
    stands before it, after the message was taken.
    """
    told = _object(answer)
    if isinstance(told.get("error"), dict) or "messages" in told:
        return clouds_outcome(answer, address)
    id, said = told.get("messageId"), str(told.get("message") or "")
    if 200 <= answer.status < 300 and told.get("status") != "error":
        return Accepted(id) if isinstance(id, str) and id else Unknown("Gupshup accepted without naming the message")
    again = answer.status == 429 or (answer.status >= 500 and told.get("status") == "error")
    refused = again or answer.status in _ELSEWHERE or told.get("status") == "error" or 400 <= answer.status < 500
    if not refused or answer.status == 408:
        return Unknown(f"Gupshup answered {answer.status} without a result")
    cause: Cause | None = "auth" if answer.status in (401, 403) or "authentication" in said.lower() else None
    if answer.status == 429:
        cause = "rate"
    return Refused(str(answer.status), (said or f"HTTP {answer.status}")[:500], again, wait_of(answer), cause=cause)
