"""What an account at each HTTP voice carrier consists of; keys beyond that are kept.

The titles are what a form calls the fields, which it is given by `form`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.fields import FieldInfo

Given = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=16_384)]

Url = Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]


def _field(title: str, *, hint: str = "", default: Any = ...) -> Any:
    return Field(default, title=title, description=hint)


def _secret(title: str, *, hint: str = "", lines: int = 1, default: Any = ...) -> Any:
    """Return a field that is never shown again; of several lines where it is a key in PEM form."""
    return Field(default, title=title, description=hint, json_schema_extra={"secret": True, "lines": lines})


class Account(BaseModel):
    """What an account consists of; keys beyond those named are kept.

    `base_url` is where its requests go instead of the carrier's own address.
    """

    model_config = ConfigDict(extra="allow")

    base_url: Url | None = None


class Twilio(Account):
    """Its webhooks are signed with the auth token."""

    account_sid: Given = _field("Account SID")
    auth_token: Given = _secret("Auth token")
    region: Given | None = _field("Region", hint="Where it is not us1.", default=None)
    edge: Given | None = _field("Edge", default=None)


class Plivo(Account):
    """Its webhooks are signed, by version 3."""

    auth_id: Given = _field("Auth ID")
    auth_token: Given = _secret("Auth token")


class Vonage(Account):
    """Turn signed webhooks on and give their secret here: without it only the mark in an address tells its webhooks
    from forged ones.
    """

    api_key: Given = _field("API key")
    api_secret: Given = _secret("API secret")
    application_id: Given = _field("Application ID")
    private_key_pem: Key = _secret("Private key of the application (PEM)", lines=4)
    signature_secret: Given | None = _secret("Signature secret", default=None)


class Telnyx(Account):
    """The connection is a Call Control application."""

    api_key: Given = _secret("API key")
    connection_id: Given = _field("Connection ID")
    outbound_voice_profile_id: Given | None = _field("Outbound voice profile ID", default=None)
    public_key: Key | None = _field("Public key", hint="With it its webhooks are checked.", default=None)


class Exotel(Account):
    """It signs nothing: its webhooks are known by the mark in their address. ExoML must be enabled, or a flow lead."""

    sid: Given = _field("Account SID")
    api_key: Given = _field("API key")
    api_token: Given = _secret("API token")
    subdomain: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")] = _field(
        "Host of the region", hint="api.in.exotel.com in India.", default="api.exotel.com"
    )
    app_id: Given | None = _field(
        "App ID", hint="Of a flow of Exotel's dashboard that leads the calls, where one does.", default=None
    )


def form(account: type[BaseModel]) -> list[dict[str, Any]]:
    """Return the fields a person fills in for an account, in order."""
    return [_drawn(name, field) for name, field in account.model_fields.items() if field.title is not None]


def _drawn(name: str, field: FieldInfo) -> dict[str, Any]:
    told = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return {
        "name": name, "label": field.title, "hint": field.description or "", "required": field.is_required(),
        "secret": bool(told.get("secret")), "lines": told.get("lines", 1),
        "default": "" if field.is_required() or field.default is None else str(field.default),
    }  # fmt: skip
