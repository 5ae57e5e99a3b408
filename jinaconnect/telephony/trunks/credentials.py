"""An account at a SIP carrier, as its owner typed it, checked.

Every fault is found at once and named. Nothing that could end a line or a URI reaches Asterisk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from jinaconnect.core.errors import Invalid
from jinaconnect.telephony.trunks.numbers import NumberFormat
from jinaconnect.telephony.trunks.profile import Codec, DtmfMode, Transport

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# RFC 3261 section 25.1 `user` without the characters that separate parts of a URI or of a header, or begin an escape.
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$/-]{1,128}")
_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f:.]{2,45}\]")
_PORT = re.compile(r"[1-9][0-9]{0,4}")


_URI = re.compile(r"\s*<?\s*(?:sips?|tel|https?|wss?|udp|tcp|tls):(?!\d+\s*$)|.*[@;?]|.*//", re.IGNORECASE)


def _host(text: str) -> str:
    if _URI.match(text):
        raise ValueError("is a URI: only the host name or address is wanted, without sip: and parameters")
    if len(text) > 253 or not _HOST.fullmatch(text):
        raise ValueError("must be a host name or an address")
    return text


def _network(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError:
        _host(text)
    return text


class SipCredentials(BaseModel):
    """What an account gives; values here win over the profile's.

    `sip_username` and `sip_password` are both empty where the carrier knows us by address. `inbound_hosts` are the
    addresses, networks or hosts the carrier calls from, beside that of `sip_proxy`. `auth_username` is the name in
    digest answers where it differs from `sip_username`, `auth_realm` pins the realm (RFC 3261 section 22.1), empty
    answers any the carrier names. `takes_refer` tells that the carrier hands its party over when it is asked to (SIP
    REFER), `may_refer` lets parties reached through it ask us the same. `qualify_s` is the time between OPTIONS in
    seconds, 0 for carriers that do not answer them.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    sip_username: str
    sip_password: SecretStr
    sip_realm: str
    sip_proxy: str
    sip_transport: Transport | None = None
    registration_required: bool = True
    codecs: tuple[Codec, ...] = ()
    dtmf_mode: DtmfMode | None = None
    vendor_profile: str = "generic"
    auth_username: str = ""
    auth_realm: str = ""
    inbound_hosts: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(default=(), max_length=64)
    media_encryption: str = Field(default="no", pattern=r"^(no|sdes)$")
    takes_refer: bool = False
    may_refer: bool = False
    qualify_s: int = Field(default=60, ge=0, le=3600)
    number_format: NumberFormat | None = None

    @field_validator("dtmf_mode", mode="before")
    @classmethod
    def _older_name(cls, value: Any) -> Any:
        # RFC 4733 replaced RFC 2833; both names are in use for the same thing.
        return {"rfc2833": "rfc4733", "": None}.get(value, value) if isinstance(value, str) else value

    @field_validator("sip_username")
    @classmethod
    def _user(cls, value: str) -> str:
        if value and not _USER.fullmatch(value):
            raise ValueError("must be 1 to 128 letters, digits and _.!~*'()&=+$/-")
        return value

    @field_validator("sip_realm")
    @classmethod
    def _realm(cls, value: str) -> str:
        return _host(value)

    @field_validator("sip_proxy")
    @classmethod
    def _proxy(cls, value: str) -> str:
        if _URI.match(value):
            raise ValueError("is a URI: only the host is wanted, host or host:port, without sip: and parameters")
        if value.count(":") > 1 and not value.startswith("["):
            raise ValueError("must be host or host:port; carriers are reached over IPv4")
        host, port = split_port(value)
        _host(host)
        if port is not None and not (_PORT.fullmatch(port) and int(port) < 65536):
            raise ValueError("the port must be between 1 and 65535")
        return value

    @field_validator("auth_username", "auth_realm")
    @classmethod
    def _quoted(cls, value: str) -> str:
        if len(value) > 128 or '"' in value or "\\" in value:
            raise ValueError("must be at most 128 characters without quotes")
        return value

    @model_validator(mode="after")
    def _both_or_neither(self) -> SipCredentials:
        if bool(self.sip_username) != bool(self.sip_password.get_secret_value()):
            raise ValueError("sip_username and sip_password must both be given, or both be empty")
        return self


def split_port(address: str) -> tuple[str, str | None]:
    """Return host and port of `host`, `host:port`, `[v6]` or `[v6]:port`."""
    if address.startswith("["):
        host, bracket, rest = address.partition("]")
        return host + bracket, rest[1:] if rest.startswith(":") else (rest or None)
    host, colon, port = address.partition(":")
    return host, port if colon else None


def sip_credentials(given: Mapping[str, Any]) -> SipCredentials:
    """Return checked credentials; raises Invalid naming each fault as `credentials.<path>`, values left out."""
    bad = [path for path, text in _texts("", given) if _CONTROL.search(text)]
    if bad:
        raise Invalid({f"credentials.{path}": ["must not contain line breaks or control characters"] for path in bad})
    try:
        return SipCredentials.model_validate(given)
    except ValidationError as error:
        faults: dict[str, list[str]] = {}
        for each in error.errors(include_url=False, include_input=False, include_context=False):
            path = ".".join(("credentials", *map(str, each["loc"])))
            faults.setdefault(path, []).append(each["msg"].removeprefix("Value error, "))
        raise Invalid(faults) from None


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Return every text in a value with the path to it."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(f"{name}.{key}".lstrip("."), each)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _texts(f"{name}.{index}", each)
