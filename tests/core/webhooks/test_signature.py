"""Signatures as Standard Webhooks has them, checked by its own library and by its published example."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from jinaconnect.core.webhooks.signature import key_of_secret, secret_of, sign


def headers(id: str, at: int, signature: str) -> dict[str, str]:
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signature}


def test_the_example_of_the_reference_library() -> None:
    key = key_of_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=300))
def test_the_library_takes_what_was_signed_and_nothing_else(chance: bytes, body: bytes) -> None:
    secret, now = secret_of(chance), int(datetime.now(UTC).timestamp())
    text = base64.b64encode(body)
    library = Webhook(secret)
    signed = headers("evt_1", now, sign([key_of_secret(secret)], "evt_1", now, b'"' + text + b'"'))
    library.verify(b'"' + text + b'"', signed)
    for other in (headers("evt_2", now, signed["webhook-signature"]),
                  headers("evt_1", now + 1, signed["webhook-signature"])):  # fmt: skip
        with pytest.raises(WebhookVerificationError):
            library.verify(b'"' + text + b'"', other)


def test_during_a_rotation_either_secret_is_right() -> None:
    old, new, now = secret_of(b"o" * 32), secret_of(b"n" * 32), int(datetime.now(UTC).timestamp())
    signature = sign([key_of_secret(new), key_of_secret(old)], "evt_1", now, b"{}")
    for secret in (old, new):
        Webhook(secret).verify(b"{}", headers("evt_1", now, signature))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(b"x" * 32)).verify(b"{}", headers("evt_1", now, signature))
