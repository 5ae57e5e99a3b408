"""SMS through Fast2SMS's bulk API: registered texts to Indian mobile numbers, or any text over its quick route.

Source: Fast2SMS's reference pages. Our reference goes along as `udf1` and comes back with reports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from jinaconnect.channels.abilities import Written
from jinaconnect.channels.base import (
    Accepted,
    Account,
    Cause,
    ChannelSpec,
    Composed,
    Outcome,
    Outgoing,
    Parts,
    Refused,
    TemplateUse,
    Unknown,
    Verified,
    WebhookReply,
    WebhookRequest,
)
from jinaconnect.channels.facts import Fact
from jinaconnect.channels.pace import wait_of
from jinaconnect.channels.script import Script
from jinaconnect.channels.simulated import path_of, posted, taken
from jinaconnect.channels.sms_fast2sms.errors import AUTH, REPEATED, REPEATED_WAIT_S, WORDS
from jinaconnect.channels.sms_fast2sms.hooks import facts_of, verified
from jinaconnect.channels.unsigned import REPORTS, hashed
from jinaconnect.core.errors import CarrierFailed, Invalid
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.messaging.dlt import scrubbed
from jinaconnect.core.messaging.plain import plain_text
from jinaconnect.core.messaging.segments import GSM, segmented
from jinaconnect.core.messaging.sms_price import ACCOUNT_FIELDS
from jinaconnect.core.messaging.templates import given_values, render
from jinaconnect.outbound import Fetched
from jinaconnect.store.blobs import Spool

QUICK, REGISTERED, BY_TEXT = "q", "dlt", "dlt_manual"
_INDIAN = re.compile(r"\+91([6-9][0-9]{9})")
_REPORTED = {"sent": "Sent", "delivered": "Delivered", "failed": "Failed"}


class SmsFast2sms:
    """The bulk API."""

    spec = ChannelSpec(
        name="sms_fast2sms", platform="SMS", provider="FAST2SMS", label="SMS",
        secrets={"api_key": 16, "webhook_secret": 16}, settings=("route", "base_url"), presented=("api_key",),
        account_address="_id", business_account="dlt_entity_id", fields=ACCOUNT_FIELDS,
        webhook_path="/sms/v1/webhooks/{account}/inbound/", reported_within=timedelta(hours=24), own_keywords=True,
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings.get(self.spec.name, {})
        self._outside = parts.outbound
        self._script = Script.of(parts)

    def registered_only(self, account: Account, to: Address) -> bool:
        """Tell whether the account's route takes registered texts only."""
        return account.settings.get("route", REGISTERED) != QUICK

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return a message as its route takes it."""
        if message.to is not None and not account.simulated and not _INDIAN.fullmatch(str(message.to.value)):
            raise Invalid.field("phone", "must be an Indian mobile number: Fast2SMS reaches no others")
        use = message.template
        if use is None:
            if account.settings.get("route") != QUICK:
                raise Invalid.field("text", "must be a registered text: this route sends no other")
            text = plain_text(message.content, "SMS")
            made = segmented(text)
            wire = {"route": QUICK, "message": text, "language": "english" if made.encoding == GSM else "unicode"}
            return Composed(wire, message.content, "TEXT", made.count)
        values = given_values(use.content, use.body, "params")
        text = render(use.content, values)
        content = {"type": "text", "body": {"text": text}, "template": use.name}
        return Composed(_registered(account, use, values, text), content, "TEXT", segmented(text).count)

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send one message (`POST /dev/bulkV2`)."""
        if account.simulated:
            return outcome(await self._simulated(account, str(to.value), reference))
        number = _INDIAN.fullmatch(str(to.value))
        if number is None:
            return Refused("411", WORDS[411])
        body = {**wire, "numbers": number[1], "udf1": reference}
        base = (account.settings.get("base_url") or self._settings["base_url"]).rstrip("/")
        headers = {"authorization": account.secrets.get("api_key", "")}
        return outcome(await self._outside.request("POST", f"{base}/dev/bulkV2", headers=headers, json=body))

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose a webhook is, by the secret in its address or beside it."""
        return verified(accounts, hook)

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return the facts of a webhook."""
        return facts_of(hook)

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """Fast2SMS does not ask."""
        return None

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """There are no files."""
        raise CarrierFailed("Fast2SMS has no files")

    # --- the simulated carrier -----------------------------------------------------------------------------------

    async def _simulated(self, account: Account, to: str, reference: str) -> Fetched:
        id = hashed(reference)[:15]

        def report(status: str, at: datetime) -> dict[str, Any] | None:
            if status not in _REPORTED:
                return None
            told = {
                "request_id": id, "number": to.lstrip("+"), "sender_id": account.phone, "status": _REPORTED[status],
                "status_description": "", "sent_time": at.strftime("%d-%m-%Y %H:%M:%S"), "udf1": reference,
            }  # fmt: skip
            return {"path": path_of(self.spec, account, REPORTS), "json": told}

        def answer(at: datetime) -> dict[str, Any]:
            return {"path": path_of(self.spec, account), "json": self._written(account, to, "hello", f"{id}reply")}

        good = {"return": True, "request_id": id, "message": ["SMS sent successfully."]}
        return await taken(self._script, account, to, id, reference, report=report, answer=answer, good=good)

    @staticmethod
    def _written(account: Account, sender: str, text: str, id: str) -> dict[str, str]:
        return {"from": sender.lstrip("+"), "to": account.phone, "message": text, "message_id": hashed(id)}

    def simulated_account(self, number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields and credentials of a simulated account."""
        fields = {"sender_id": "ACMEIN", "phone_number": "ACMEIN", "dlt_entity_id": number}
        return fields, {"api_key": secret("key"), "webhook_secret": secret("webhook")}

    def customer_writes(
        self, account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
    ) -> Written:
        """Return the webhook of a customer's message."""
        told = self._written(account, sender, text or "", id)
        return Written(posted(account, path_of(self.spec, account), json=told), told["message_id"])

    def reported(self, account: Account, data: Mapping[str, Any]) -> WebhookRequest:
        """Return the webhook of a planned report or answer."""
        return posted(account, data["path"], json=data["json"])


def _registered(account: Account, use: TemplateUse, values: Mapping[str, str], text: str) -> dict[str, Any]:
    """Return a registered text by its number at Fast2SMS where it has one, else word for word with its ids."""
    sender = use.registered.get("sender_id") or account.fields.get("sender_id") or account.phone
    number = use.registered.get("bsp_template_id")
    if number is not None and account.settings.get("route", REGISTERED) == REGISTERED:
        if any("|" in value for value in values.values()):
            raise Invalid.field("params", "must not have a | in them")
        return {
            "route": REGISTERED, "sender_id": sender, "message": int(number) if number.isdigit() else number,
            "variables_values": "|".join(values.values()),
        }  # fmt: skip
    ids = {
        "template_id": use.registered.get("dlt_template_id") or account.fields.get("dlt_template_id"),
        "entity_id": use.registered.get("dlt_entity_id") or account.business,
    }
    given = {name: value for name, value in ids.items() if value}
    return {"route": BY_TEXT, "sender_id": sender, "message": text, **given}


def outcome(answer: Fetched) -> Outcome:
    """Return what an answer to a send means: its `status_code` decides, HTTP's where there is none.

    A 5xx without a word of Fast2SMS's own may come from whatever stands before it, after the message was taken.
    """
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        data = None
    data = data if isinstance(data, dict) else {}
    if data.get("return") is True:
        id = data.get("request_id")
        return Accepted(id) if isinstance(id, str) and id else Unknown("Fast2SMS accepted without naming the request")
    if answer.status == 429:
        words = "Too many requests at once for this Fast2SMS account."
        return Refused("429", words, again=True, retry_after=wait_of(answer), cause="rate")
    if data.get("return") is not False:
        refused = 400 <= answer.status < 500 and answer.status != 408
        known = Refused(str(answer.status), f"Fast2SMS answered {answer.status}.")
        return known if refused else Unknown(f"Fast2SMS answered {answer.status} without a result")
    number, told = str(data.get("status_code") or ""), data.get("message")
    code = int(number) if re.fullmatch("[0-9]{1,9}", number) else None
    named = number or str(answer.status)
    said = " ".join(map(str, told)) if isinstance(told, list) else str(told or "Fast2SMS did not take it.")
    text = (WORDS.get(code) if code is not None else None) or said
    if (scrub := scrubbed(named, text)) is not None and scrub.early:
        return Refused(scrub.code, scrub.words, again=True, cause="early")
    again = code == REPEATED or (answer.status >= 500 and code not in WORDS)
    wait = wait_of(answer) or (REPEATED_WAIT_S if code == REPEATED else None)
    cause: Cause | None = "auth" if code in AUTH or (code is None and answer.status == 401) else None
    return Refused(named[:64], text[:500], again, wait if again else None, cause=cause)
