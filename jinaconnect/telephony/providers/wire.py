"""What the HTTP voice carriers' adapters share: asking, and what an answer that is none means."""

from __future__ import annotations

import base64
import functools
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from jinaconnect.core.calls import causes
from jinaconnect.core.errors import Invalid
from jinaconnect.core.webhook import WebhookRequest
from jinaconnect.outbound import Ambiguous, Fetched, NotSent, Outbound, OutboundError, Sink
from jinaconnect.telephony.provider import (
    Accepted,
    Busy,
    CallGone,
    CommandRefused,
    NotOurs,
    Outcome,
    ProviderAway,
    Refused,
    Unknown,
)

TIMEOUT_S = 15.0
RECORDING_BYTES, RECORDING_S = 512 * 1024 * 1024, 300.0  # four hours of telephony, and the time they may take to come
BUSY_S, LONGEST_WAIT_S = 5.0, 30.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MOST_PRICE = 10**6
_AUTH = (401, 403)

Pairs = Sequence[tuple[str, str]]


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of HTTP Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def encoded(form: Pairs) -> bytes:
    """Return a form as it is sent."""
    return urlencode(form).encode()


def read(answer: Fetched) -> Mapping[str, Any]:
    """Return the JSON object of an answer, an empty one where it is none."""
    try:
        found = orjson.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def doubtful(status: int) -> bool:
    """Tell whether an answer leaves open that it was done: all that fails there, but for having no room (503)."""
    return status == 408 or (status >= 500 and status != 503)


def refuses(status: int) -> bool:
    """Tell whether an answer says that what is asked for will not be done, however often it is asked for."""
    return 400 <= status < 500 and status not in (401, 408, 425, 429)


def form_of(hook: WebhookRequest) -> dict[str, str]:
    """Return the fields of a webhook, of its query where it was asked with GET; none for what is no form."""
    if hook.method == "GET":
        return dict(hook.query)
    return dict(pairs_of(hook))


def pairs_of(hook: WebhookRequest) -> list[tuple[str, str]]:
    """Return the fields of a posted form in their order, blank ones included; none for what is no form."""
    return list(_pairs(hook.body))


@functools.lru_cache(maxsize=32)  # each part of an adapter reads the same body
def _pairs(body: bytes) -> Pairs:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1_000)
    except ValueError:
        return ()


def seconds(text: Any) -> int | None:
    """Return a whole number of seconds, None for what is none."""
    try:
        return max(0, int(float(str(text)))) if text not in (None, "") else None
    except (ValueError, OverflowError):
        return None


def price(text: Any) -> Decimal | None:
    """Return an amount without its sign (what an account is charged is negative to some), None for what is none."""
    try:
        amount = abs(Decimal(str(text))) if text not in (None, "") else None
        return amount.quantize(Decimal("0.000001")) if amount is not None and amount < MOST_PRICE else None
    except ArithmeticError:
        return None


def currency(text: Any) -> str:
    """Return a currency as it is kept, empty for what is none."""
    told = str(text or "").upper()
    return told if len(told) == 3 and told.isascii() and told.isalpha() else ""


# ---- placing


def unplaced(error: OutboundError) -> Outcome:
    """Return what a request to place a call has come to that got no answer."""
    if isinstance(error, Ambiguous):
        return Unknown(str(error))
    if isinstance(error, NotSent):
        return Busy(BUSY_S, str(error))
    return Refused(causes.NETWORK_OUT_OF_ORDER, str(error))


def placed(answer: Fetched, id: Any, message: str, cause: str = causes.CALL_REJECTED) -> Outcome:
    """Return what an answer to placing means; `id` is the call's as it is told, `cause` that of a plain refusal.

    A call may ring there unless the carrier says that it does not: an answer that cannot be read says nothing.
    """
    granted = 200 <= answer.status < 300
    if granted and isinstance(id, str) and id:
        return Accepted(id)
    if granted or doubtful(answer.status):
        return Unknown(f"status {answer.status}: {message}")
    if answer.status in (429, 503):
        wait = seconds(answer.headers.get("retry-after"))
        return Busy(BUSY_S if wait is None else min(wait, LONGEST_WAIT_S), message)
    return Refused(causes.FACILITY_REJECTED if answer.status in _AUTH else cause, f"status {answer.status}: {message}")


# ---- what is asked of a call that lives


async def ordered(
    outside: Outbound, method: str, url: str, headers: Mapping[str, str], *, json: Any = None,
    form: Pairs | None = None, says: str = "", gone: Collection[int] = (),
) -> Fetched:  # fmt: skip
    """Ask for something and return the answer that grants it; raises CallGone for 404, CommandRefused, ProviderAway.

    `says` is where in the JSON of another answer its words stand, `gone` what its `code` is for a call that has ended.
    """
    sent = {**headers, **FORM} if form is not None else dict(headers)
    data = None if form is None else encoded(form)
    try:
        answer = await outside.request(method, url, headers=sent, json=json, data=data, timeout_s=TIMEOUT_S)
    except OutboundError as error:
        raise ProviderAway(str(error), uncertain=isinstance(error, Ambiguous)) from error
    if answer.status == 404:
        raise CallGone(url.rpartition("/")[2])
    if not 200 <= answer.status < 300:
        told = read(answer)
        words = f"status {answer.status} {told.get(says, '') if says else ''}".strip()[:300]
        if refuses(answer.status) and isinstance(told.get("code"), int) and told["code"] in gone:
            raise CallGone(words)
        if refuses(answer.status):
            raise CommandRefused(words)
        raise ProviderAway(words, uncertain=doubtful(answer.status))
    return answer


def whole(text: str, limit: int, label: str) -> str:
    """Return a text that its carrier says in one piece; raises Invalid for one that is longer than it takes."""
    if len(text) > limit:
        raise Invalid.field("tts_text", f"{label} says at most {limit} characters in a call that lives")
    return text


async def known(outside: Outbound, url: str, headers: Mapping[str, str]) -> None:
    """Ask for something any account may see; raises NotOurs, ProviderAway."""
    try:
        answer = await outside.request("GET", url, headers=headers, timeout_s=TIMEOUT_S)
    except OutboundError as error:
        raise ProviderAway(str(error), uncertain=False) from error
    if answer.status in (*_AUTH, 404):
        raise NotOurs(f"status {answer.status}")
    if answer.status != 200:
        raise ProviderAway(f"status {answer.status}", uncertain=False)


async def fetched(outside: Outbound, url: str, headers: Mapping[str, str], into: Sink) -> None:
    """Write a file as it comes; raises CallGone for 404 and 410, ProviderAway, and what `into` raises."""
    try:
        answer = await outside.request(
            "GET", url, headers=headers, into=into, limit=RECORDING_BYTES, timeout_s=RECORDING_S, follow=True
        )
    except OutboundError as error:
        raise ProviderAway(str(error), uncertain=False) from error
    if answer.status in (404, 410):
        raise CallGone(url)
    if answer.status != 200:
        raise ProviderAway(f"status {answer.status}", uncertain=False)
