"""What an account at each HTTP voice carrier consists of; keys beyond that are kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Given = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=16_384)]

Url = Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]


class Account(BaseModel):
    """What an account consists of; keys beyond those named are kept.

    `base_url` is where its requests go instead of the carrier's own address.
    """

    model_config = ConfigDict(extra="allow")

    base_url: Url | None = None


class Twilio(Account):
    """Twilio: account and token, region and edge."""

    account_sid: Given
    auth_token: Given
    region: Given | None = None
    edge: Given | None = None


class Plivo(Account):
    """Plivo: id and token."""

    auth_id: Given
    auth_token: Given


class Vonage(Account):
    """Vonage: key, secret, application and its private key (PEM)."""

    api_key: Given
    api_secret: Given
    application_id: Given
    private_key_pem: Key
    signature_secret: Given | None = None


class Telnyx(Account):
    """Telnyx: key and connection."""

    api_key: Given
    connection_id: Given
    outbound_voice_profile_id: Given | None = None
    public_key: Key | None = None


class Exotel(Account):
    """Exotel: account, key, token and the region's host; `app_id` is a flow of its dashboard that leads calls."""

    sid: Given
    api_key: Given
    api_token: Given
    subdomain: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")] = "api.exotel.com"
    app_id: Given | None = None
