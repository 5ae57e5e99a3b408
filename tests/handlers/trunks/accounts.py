"""Accounts at voice carriers for tests, and the one secret in each that must never be seen again."""

from __future__ import annotations

from typing import Any

from tests.client import Client

TRUNKS = "/voice/api/provider-configs/"
PASSWORD = "Sesame-4711-open"

SIP: dict[str, Any] = {
    "sip_username": "office", "sip_password": PASSWORD, "sip_realm": "127.0.0.1", "sip_proxy": "127.0.0.1:5099",
}  # fmt: skip
PEM = f"-----BEGIN PRIVATE KEY-----\n{PASSWORD}\n-----END PRIVATE KEY-----\n"
ACCOUNTS: dict[str, dict[str, Any]] = {
    "sip": SIP,
    "twilio": {"account_sid": "AC1", "auth_token": PASSWORD},
    "plivo": {"auth_id": "MA1", "auth_token": PASSWORD},
    "vonage": {"api_key": "k", "api_secret": PASSWORD, "application_id": "app", "private_key_pem": PEM},
    "telnyx": {"api_key": PASSWORD, "connection_id": "1"},
    "exotel": {"sid": "s", "api_key": "k", "api_token": PASSWORD},
}


async def add_trunk(client: Client, provider: str = "sip", **fields: Any) -> str:
    """Add a provider config with a good account and return its id."""
    body = {"name": f"Over {provider}", "provider": provider, "credentials": ACCOUNTS[provider], **fields}
    return str((await client.post(TRUNKS, body)).ok(201)["id"])
