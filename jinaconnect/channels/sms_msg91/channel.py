"""SMS through MSG91's flow API, which sends registered texts by their id at MSG91.

Source: MSG91's help pages. It takes no reference of ours: a send whose answer never came stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from jinaconnect.channels.abilities import Written
from jinaconnect.channels.base import (
    Accepted,
    Account,
    ChannelSpec,
    Composed,
    Outcome,
    Outgoing,
    Parts,
    Refused,
    Unknown,
    Verified,
    WebhookReply,
    WebhookRequest,
)
from jinaconnect.channels.facts import Fact
from jinaconnect.channels.pace import wait_of
from jinaconnect.channels.script import Script
from jinaconnect.channels.simulated import path_of, posted, taken
from jinaconnect.channels.sms_msg91.errors import AUTH, PASSING, SAID, WORDS
from jinaconnect.channels.sms_msg91.hooks import facts_of, verified
from jinaconnect.channels.unsigned import REPORTS, hashed
from jinaconnect.core.errors import CarrierFailed, Invalid
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.messaging.dlt import scrubbed
from jinaconnect.core.messaging.segments import segmented
from jinaconnect.core.messaging.sms_price import ACCOUNT_FIELDS
from jinaconnect.core.messaging.templates import given_values, render
from jinaconnect.outbound import Fetched
from jinaconnect.store.blobs import Spool

_REPORTED = {"sent": ("3", "SUBMITTED"), "delivered": ("1", "DELIVERED"), "failed": ("2", "FAILED")}


class SmsMsg91:
    """The flow API."""

    spec = ChannelSpec(
        name="sms_msg91", platform="SMS", provider="MSG91", label="SMS", secrets={"auth_key": 16, "webhook_secret": 16},
        settings=("flow_id", "base_url"), presented=("auth_key",), account_address="_id",
        business_account="dlt_entity_id", fields=ACCOUNT_FIELDS, webhook_path="/sms/v1/webhooks/{account}/inbound/",
        reported_within=timedelta(hours=24), own_keywords=True,
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings.get(self.spec.name, {})
        self._outside = parts.outbound
        self._script = Script.of(parts)

    def registered_only(self, account: Account, to: Address) -> bool:
        """MSG91 sends registered texts only."""
        return True

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return a registered text's id at MSG91 and its values."""
        use = message.template
        if use is None:
            raise Invalid.field("text", "must be a registered text: MSG91 sends no other")
        id = use.registered.get("bsp_template_id") or account.settings.get("flow_id")
        if id is None:
            raise Invalid.field("template", "has no id at MSG91 (bsp_template_id)")
        values = given_values(use.content, use.body, "params")
        text = render(use.content, values)
        named = {f"VAR{name}" if name.isdigit() else name: value for name, value in values.items()}
        content = {"type": "text", "body": {"text": text}, "template": use.name}
        return Composed({"template_id": id, "values": named}, content, "TEXT", segmented(text).count)

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send one message (`POST /api/v5/flow`)."""
        if to.field != PHONE:
            return Refused("202", WORDS["202"])
        recipient = {"mobiles": str(to.value).lstrip("+"), **wire["values"]}
        body = {"template_id": wire["template_id"], "short_url": "0", "recipients": [recipient]}
        if account.simulated:
            return outcome(await self._simulated(account, str(to.value), reference))
        base = (account.settings.get("base_url") or self._settings["base_url"]).rstrip("/")
        headers = {"authkey": account.secrets.get("auth_key", ""), "accept": "application/json"}
        return outcome(await self._outside.request("POST", f"{base}/api/v5/flow", headers=headers, json=body))

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose a webhook is, by the secret in its address, or by a signature with it."""
        return verified(accounts, hook)

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return the facts of a webhook."""
        return facts_of(hook)

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """MSG91 does not ask."""
        return None

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """There are no files."""
        raise CarrierFailed("MSG91 has no files")

    # --- the simulated carrier -----------------------------------------------------------------------------------

    async def _simulated(self, account: Account, to: str, reference: str) -> Fetched:
        id = hashed(reference)[:24]

        def report(status: str, at: datetime) -> dict[str, Any] | None:
            if status not in _REPORTED:
                return None
            number, desc = _REPORTED[status]
            item = {"number": to.lstrip("+"), "status": number, "desc": desc, "failedReason": "", "credit": "1"}
            request = {"senderId": account.phone, "requestId": id, "report": [item], "campaignName": "API"}
            return {"path": path_of(self.spec, account, REPORTS), "form": {"data": orjson.dumps([request]).decode()}}

        def answer(at: datetime) -> dict[str, Any]:
            return {"path": path_of(self.spec, account), "form": self._written(to, "hello", f"{id}reply")}

        good = {"type": "success", "message": id}
        return await taken(self._script, account, to, id, reference, report=report, answer=answer, good=good)

    @staticmethod
    def _written(sender: str, text: str, id: str) -> dict[str, str]:
        return {"mobile": sender.lstrip("+"), "sender": "56161", "message": text, "msg_id": hashed(id)}

    def simulated_account(self, number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields and credentials of a simulated account."""
        credentials = {"auth_key": secret("key"), "webhook_secret": secret("webhook"), "flow_id": "flow" + number}
        return {"sender_id": "ACMEIN", "phone_number": "ACMEIN"}, credentials

    def customer_writes(
        self, account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
    ) -> Written:
        """Return the webhook of a customer's message."""
        form = self._written(sender, text or "", id)
        return Written(posted(account, path_of(self.spec, account), form), form["msg_id"])

    def reported(self, account: Account, data: Mapping[str, Any]) -> WebhookRequest:
        """Return the webhook of a planned report or answer."""
        return posted(account, data["path"], data["form"])


def outcome(answer: Fetched) -> Outcome:
    """Return what an answer to a send means; its status alone says nothing.

    MSG91's own word that it did not take the message is a refusal, of which a 5xx passes where no code says otherwise;
    a 5xx without one may come from whatever stands before MSG91, after the message was taken.
    """
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        data = None
    data = data if isinstance(data, dict) else {}
    text = str(data.get("message") or data.get("errors") or "")
    if data.get("type") == "success" and not data.get("hasError"):
        return Accepted(text) if text else Unknown("MSG91 accepted without naming the request")
    if answer.status == 429:
        words = "Too many requests at once for this MSG91 account."
        return Refused("429", words, again=True, retry_after=wait_of(answer), cause="rate")
    if not data or (data.get("type") != "error" and data.get("status") != "fail" and not data.get("hasError")):
        refused = 400 <= answer.status < 500 and answer.status != 408
        known = Refused(str(answer.status), f"MSG91 answered {answer.status}.")
        return known if refused else Unknown(f"MSG91 answered {answer.status} without a result")
    by_words = next((code for word, code in SAID.items() if word in text.lower()), "error")
    code = str(data.get("code") or data.get("apiError") or by_words)
    if (scrub := scrubbed(code, text)) is not None and scrub.early:
        return Refused(scrub.code, scrub.words, again=True, cause="early")
    said = (WORDS.get(code) or text or "MSG91 did not take it.")[:500]
    again = code in PASSING or (answer.status >= 500 and code not in WORDS)
    return Refused(code[:64], said, again, wait_of(answer) if again else None, cause="auth" if code in AUTH else None)
