"""SMS and MMS through Twilio's Messages API: sending and what its answers mean, files, and the simulated Twilio.

Source: Twilio's OpenAPI description (v2010) and its published error codes. A send has no handle to repeat it under, so
one whose answer never came is not sent again: the address for its reports carries our reference, and finds it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

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
    Unknown,
    Verified,
    WebhookReply,
    WebhookRequest,
    no_file,
)
from jinaconnect.channels.facts import UNTIMED, Fact
from jinaconnect.channels.pace import wait_of
from jinaconnect.channels.sms_twilio.compose import composed, pairs
from jinaconnect.channels.sms_twilio.errors import AUTH, BUSY, EARLY, OPTED_OUT, PASSING, PERMANENT, words
from jinaconnect.channels.sms_twilio.hooks import REPORTS, facts_of, reported, verified
from jinaconnect.channels.sms_twilio.simulator import BASE_URL, SimulatedTwilio, customers_form
from jinaconnect.core.errors import CarrierFailed
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.inbox.media_type import media_type
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.messaging.sms_price import ACCOUNT_FIELDS
from jinaconnect.core.signed_form import SIGNATURE_HEADER, signature
from jinaconnect.outbound import Fetched
from jinaconnect.store.blobs import Spool

VERSION = "2010-04-01"
FETCH_S = 60.0
# Answers that say by their status alone that the request was not acted on: it belongs elsewhere, or is refused.
_ELSEWHERE = (301, 307, 308)
_REQUEST_TIMEOUT = 408
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class SmsTwilio:
    """The Messages API."""

    spec = ChannelSpec(
        name="sms_twilio", platform="SMS", provider="TWILIO", label="SMS", secrets={"auth_token": 16, "key_secret": 16},
        settings=("account_sid", "key_sid", "messaging_service_sid", "base_url"),
        account_address="_id", business_account="dlt_entity_id",
        fields=ACCOUNT_FIELDS,
        webhook_path="/sms/v1/webhooks/{account}/inbound/",
        reported_within=timedelta(hours=24),
        own_keywords=True, taken=WebhookReply("<Response/>", "text/xml"),
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings.get(self.spec.name, {})
        self._outside = parts.outbound
        self._url = parts.url
        self._simulator = SimulatedTwilio(parts)

    def _base(self, account: Account) -> str:
        given = account.settings.get("base_url") or self._settings["base_url"]
        return BASE_URL if account.simulated else given.rstrip("/")

    def _credentials(self, account: Account) -> dict[str, str]:
        """Return the header that says who we are: by a key of the account where there is one, else by its token."""
        by_key = "key_sid" in account.settings and "key_secret" in account.secrets
        name = account.settings["key_sid"] if by_key else account.settings.get("account_sid", "")
        secret = account.secrets["key_secret"] if by_key else account.secrets.get("auth_token", "")
        return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}

    # --- sending -------------------------------------------------------------------------------------------------

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return the message's own part of a send."""
        return composed(account, message, self._url)

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send one message (`POST /Accounts/{AccountSid}/Messages.json`)."""
        if to.field != PHONE:
            return Refused("21211", words(21211, None) or "")
        reports = f"{self._url}{_reports(account)}?reference={quote(reference)}"
        form = pairs({"To": to.value, **wire, "StatusCallback": reports})
        sid = account.settings.get("account_sid", "")
        url = f"{self._base(account)}/{VERSION}/Accounts/{quote(sid)}/Messages.json"
        if account.simulated:
            return outcome(await self._simulator.send(account, url, dict(form), reference))
        headers = {**self._credentials(account), **_FORM}
        return outcome(await self._outside.request("POST", url, headers=headers, data=urlencode(form).encode()))

    async def report_on(self, account: Account, carrier_id: str) -> Report | None:
        """Ask what became of a message (`GET /Accounts/{AccountSid}/Messages/{Sid}.json`)."""
        if account.simulated:
            return None
        sid = account.settings.get("account_sid", "")
        url = f"{self._base(account)}/{VERSION}/Accounts/{quote(sid)}/Messages/{quote(carrier_id, safe='')}.json"
        answer = await self._outside.request("GET", url, headers=self._credentials(account))
        try:
            data = orjson.loads(answer.body)
        except ValueError:
            data = None
        if answer.status != 200 or not isinstance(data, dict):
            raise CarrierFailed(f"Twilio answered {answer.status} for a message")
        code = data.get("error_code")
        told = str(data.get("status") or "")
        report = reported(told, None if code is None else str(code), data.get("error_message"), UNTIMED)
        return None if report is None or report.status == status.SENT else report

    # --- webhooks ------------------------------------------------------------------------------------------------

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose a webhook is, by the signature over its address and form."""
        return verified(accounts, hook)

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return the facts of a webhook."""
        return facts_of(hook)

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """Twilio does not ask."""
        return None

    # --- files ---------------------------------------------------------------------------------------------------

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """Fetch a file; the account's credentials go to Twilio alone, not where it may redirect to."""
        url = str(handle["url"])
        ours = urlsplit(url)[:2] == urlsplit(self._base(account))[:2]
        headers = self._credentials(account) if ours and not account.simulated else {}
        file = await self._outside.request(
            "GET", url, headers=headers, follow=True, limit=limit, timeout_s=FETCH_S, into=into
        )
        if file.status != 200:
            raise no_file(file.status, f"the carrier answered {file.status} for a media file")
        return media_type(handle.get("mime_type") or file.headers.get("content-type"))

    # --- the simulated carrier -----------------------------------------------------------------------------------

    def simulated_account(self, number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields and credentials of a simulated account."""
        sid = "AC" + f"{int(number):032x}"
        fields = {"sender_id": "+12025550100", "is_default": True}
        return fields, {"account_sid": sid, "auth_token": secret("token")}

    def customer_writes(
        self, account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
    ) -> Written:
        """Return the signed webhook of a customer's message."""
        form = customers_form(account, sender, text, media_url, id)
        path = self.spec.path(account.tenant, account.id)
        return Written(self._signed(account, path, form), form["MessageSid"])

    def _signed(self, account: Account, path: str, form: Mapping[str, str]) -> WebhookRequest:
        made = signature(account.secrets["auth_token"], self._url + path, list(form.items()))
        headers = {"content-type": _FORM["Content-Type"], SIGNATURE_HEADER.lower(): made}
        return WebhookRequest(urlencode(form).encode(), url=path, headers=headers)

    def reported(self, account: Account, data: Mapping[str, Any]) -> WebhookRequest:
        """Return the signed webhook of a planned report, or of a customer's planned answer."""
        path = data.get("path") or self.spec.path(account.tenant, account.id)
        return self._signed(account, path, data["form"])


def _reports(account: Account) -> str:
    """Return where reports on an account's messages come in."""
    path = SmsTwilio.spec.path(account.tenant, account.id)
    return path.replace("/inbound/", f"/{REPORTS}/")


def outcome(answer: Fetched) -> Outcome:
    """Return what an answer to a send means.

    Only Twilio's own word that it did not take the message is a refusal: an error with a code, or 429. A 5xx without a
    code that is known may come from whatever stands before Twilio, after the message was taken.
    """
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        data = None
    data = data if isinstance(data, dict) else {}
    if answer.status in (200, 201):
        sid = data.get("sid")
        return Accepted(sid) if isinstance(sid, str) and sid else Unknown("Twilio accepted without naming the message")
    code = data.get("code") if type(data.get("code")) is int else None
    again = answer.status == 429 or code in BUSY or code in PASSING
    refused = again or code in PERMANENT or answer.status in _ELSEWHERE
    refused = refused or (400 <= answer.status < 500 and answer.status != _REQUEST_TIMEOUT)
    if not refused:
        return Unknown(f"Twilio answered {answer.status} without a result")
    text = words(code, str(data.get("message") or f"HTTP {answer.status}")) or ""
    named = str(answer.status if code is None else code)
    cause: Cause | None = "rate" if answer.status == 429 or code == 20429 else "auth" if code in AUTH else None
    cause = "early" if code in EARLY else cause
    return Refused(named, text[:500], again, wait_of(answer), opted_out=code == OPTED_OUT, cause=cause)
