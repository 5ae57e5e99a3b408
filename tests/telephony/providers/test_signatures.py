"""Signatures of Plivo, Vonage and Telnyx by the vectors published for them, and what does not fit them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jinaconnect.core.errors import BadSignature
from jinaconnect.core.webhook import WebhookRequest
from jinaconnect.outbound import Outbound
from jinaconnect.telephony.provider import VoiceAccount
from jinaconnect.telephony.providers.plivo import PlivoVoice, signature
from jinaconnect.telephony.providers.telnyx import TelnyxVoice, public_key
from jinaconnect.telephony.providers.vonage import VonageVoice, verified

OUTSIDE = Outbound((), timeout_s=1)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)

# ---- Plivo

PLIVO_TOKEN, NONCE = "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4", "31627761595286130198"
PLIVO_URL = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml/?a=b&c=d"
CALL = "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"
PLIVO_FORM = [
    ("ALegRequestUUID", CALL), ("ALegUUID", CALL), ("BillRate", "0.002"), ("CallStatus", "in-progress"),
    ("CallUUID", CALL), ("Direction", "outbound"), ("Event", "StartApp"), ("From", "19792014278"),
    ("ParentAuthID", "MANWVLYTK4ZWU1YTY4QA"), ("RequestUUID", CALL),
    ("SIP-H-To", "<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1"),
    ("SessionStart", "2020-04-08 11:34:33.238707"),
    ("To", "sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com"),
]  # fmt: skip
POSTED, GOT = "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c=", "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ="


def plivo(method: str, url: str, form: list[tuple[str, str]], given: str, nonce: str = NONCE) -> None:
    """Verify a webhook with the token of the vectors."""
    account = VoiceAccount("trk", "scope", {"auth_id": "MA", "auth_token": PLIVO_TOKEN})
    headers = {"X-Plivo-Signature-V3": given, "X-Plivo-Signature-V3-Nonce": nonce}
    hook = WebhookRequest(method, url, headers, dict(parse_qsl(urlsplit(url).query)), urlencode(form).encode())
    PlivoVoice(OUTSIDE).verify(account, hook, NOW)


def test_plivos_vectors_fit() -> None:
    asked = f"{PLIVO_URL}&{urlencode(PLIVO_FORM)}"
    assert signature(PLIVO_TOKEN, "POST", PLIVO_URL, PLIVO_FORM, NONCE) == POSTED
    assert signature(PLIVO_TOKEN, "GET", asked, [], NONCE) == GOT
    plivo("POST", PLIVO_URL, PLIVO_FORM, POSTED)
    plivo("POST", PLIVO_URL, PLIVO_FORM, f"{'A' * 43}=, {POSTED}")
    plivo("GET", asked, [], GOT)


@pytest.mark.parametrize(("url", "form", "given", "nonce"), [
    (PLIVO_URL, [*PLIVO_FORM, ("Digits", "1")], POSTED, NONCE), (PLIVO_URL + "&e=f", PLIVO_FORM, POSTED, NONCE),
    (PLIVO_URL, PLIVO_FORM, GOT, NONCE), (PLIVO_URL, PLIVO_FORM, "", NONCE), (PLIVO_URL, PLIVO_FORM, POSTED, "1"),
])  # fmt: skip
def test_whatever_differs_from_plivos_vector_is_refused(
    url: str, form: list[tuple[str, str]], given: str, nonce: str
) -> None:
    with pytest.raises(BadSignature):
        plivo("POST", url, form, given, nonce)


# ---- Vonage

VONAGE_SECRET = "qwertyuiopasdfghjklzxcvbnm123456"
PUBLISHED = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJPbmxpbmUgSldUIEJ1aWxkZXIiLCJpYXQiOjE2OTc2MzQ2ODAsImV4cCI6MzMyNTQ1"
    "NDA4MjgsImF1ZCI6IiIsInN1YiI6IiJ9.88vJc3I2HhuqEDixHXVhc9R30tA6U_HQHZTC29y6CGM"
)
BODY = b'{"uuid":"one","status":"ringing"}'


def vonage(token: str, body: bytes = BODY, now: datetime = NOW) -> None:
    """Verify an event."""
    held = {"api_key": "key", "api_secret": "s", "application_id": "app", "signature_secret": VONAGE_SECRET}
    hook = WebhookRequest("POST", "https://a.example/", {"authorization": f"Bearer {token}"}, {}, body)
    VonageVoice(OUTSIDE).verify(VoiceAccount("trk", "scope", held), hook, now)


def token(algorithm: str = "HS256", secret: str = VONAGE_SECRET, **more: Any) -> str:
    """Return a token as Vonage makes it."""
    claims = {
        "iss": "Vonage", "api_key": "key", "application_id": "app", "iat": int(NOW.timestamp()), "jti": "1",
        "payload_hash": hashlib.sha256(BODY).hexdigest(), **more,
    }  # fmt: skip
    return jwt.encode(claims, secret, algorithm=algorithm)


def test_vonages_published_token_is_signed_and_not_of_vonage() -> None:
    assert verified(f"Bearer {PUBLISHED}", VONAGE_SECRET)["iss"] == "Online JWT Builder"
    with pytest.raises(BadSignature):
        vonage(PUBLISHED)
    vonage(token())
    vonage(token(iat=int((NOW - timedelta(minutes=4)).timestamp())))


@pytest.mark.parametrize("made", [
    lambda: token(secret="another" * 6), lambda: token(iss="x"), lambda: token(api_key="x"),
    lambda: token(application_id="x"), lambda: token(iat=int((NOW - timedelta(minutes=6)).timestamp())),
    lambda: token(iat=int((NOW + timedelta(minutes=6)).timestamp())), lambda: token(payload_hash="0" * 64),
    lambda: token("none", ""), lambda: "", lambda: token() + "x",
])  # fmt: skip
def test_a_token_that_is_not_of_this_event_is_refused(made: Callable[[], str]) -> None:
    with pytest.raises(BadSignature):
        vonage(made())


# ---- Telnyx

SEED = bytes(range(32))
PUBLIC = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
STAMP, EVENT = "1700000000", b'{"data":{"event_type":"call.answered"}}'
MADE = "3L9VOWcPYmzQ/l1eF8vI/uOuMi3LEGgMm10q+Z5wW/KCKLpPGCtK/ZZoG/WGKD+ObLpeXHVpjcEcVoa3lzDSDg=="
THEN = datetime.fromtimestamp(int(STAMP), UTC)


def telnyx(key: str = PUBLIC, stamp: str = STAMP, made: str = MADE, body: bytes = EVENT, now: datetime = THEN) -> None:
    """Verify an event with the vector's key."""
    account = VoiceAccount("trk", "scope", {"api_key": "k", "connection_id": "1", "public_key": key})
    headers = {"Telnyx-Timestamp": stamp, "Telnyx-Signature-Ed25519": made}
    TelnyxVoice(OUTSIDE).verify(account, WebhookRequest("POST", "https://a.example/", headers, {}, body), now)


def test_telnyx_vector_fits_with_either_form_of_the_key() -> None:
    pair = Ed25519PrivateKey.from_private_bytes(SEED)
    raw = pair.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    pem = pair.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip
    assert base64.b64encode(raw).decode() == PUBLIC
    telnyx()
    telnyx(pem)
    telnyx(now=THEN + timedelta(seconds=299))
    assert public_key(pem).public_bytes_raw() == raw


@pytest.mark.parametrize("bad", [
    {"now": THEN + timedelta(seconds=301)}, {"now": THEN - timedelta(seconds=301)}, {"stamp": "1700000001"},
    {"stamp": ""}, {"stamp": "x"}, {"made": MADE[:-4]}, {"made": ""}, {"made": "é"}, {"body": EVENT + b" "},
    {"key": base64.b64encode(bytes(32)).decode()}, {"key": "short"},
])  # fmt: skip
def test_an_event_that_is_old_or_not_telnyx_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        telnyx(**bad)


def test_without_a_key_nothing_is_looked_at_but_the_address() -> None:
    hook = WebhookRequest("POST", "https://a.example/", {}, {}, json.dumps({}).encode())
    bare = VoiceAccount("trk", "scope", {"api_key": "k", "connection_id": "1"})
    TelnyxVoice(OUTSIDE).verify(bare, hook, NOW)
    VonageVoice(OUTSIDE).verify(replace(bare, credentials={"api_key": "k", "application_id": "a"}), hook, NOW)
