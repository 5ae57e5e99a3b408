"""The SIP carriers we know, one YAML file each.

A profile tells what is the carrier's and not the account's: codecs in order, transport, whether it wants
registrations, how it knows us, how it writes numbers. Host names in notes are guidance; the address always comes from
the account's `sip_proxy`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jinaconnect.core.errors import Invalid
from jinaconnect.telephony.trunks.numbers import NumberFormat

Codec = Literal["ulaw", "alaw", "g722", "g729", "gsm", "opus"]
Transport = Literal["udp", "tcp", "tls"]
DtmfMode = Literal["rfc4733", "inband", "info", "auto", "auto_info"]

DIRECTORY = Path(__file__).parent / "profiles"


class Profile(BaseModel):
    """One carrier. `auth` is what it usually asks of us: `digest`, `ip` (it knows our address) or either."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    display_name: str
    notes: str = ""
    codecs: tuple[Codec, ...] = Field(min_length=1)
    transport: Transport
    registration: bool
    auth: Literal["digest", "ip", "digest_or_ip"]
    dtmf_mode: DtmfMode
    endpoint: dict[str, str] = Field(default_factory=dict)
    numbers: NumberFormat = NumberFormat()


class ProfileError(Exception):
    """A profile file that cannot be used; the text names the file and the field."""


def load(directory: Path = DIRECTORY) -> dict[str, Profile]:
    """Read every profile of a directory; raises ProfileError."""
    found: dict[str, Profile] = {}
    for file in sorted(directory.glob("*.yaml")):
        try:
            profile = Profile.model_validate(yaml.safe_load(file.read_text("utf-8")))
        except yaml.YAMLError as error:
            raise ProfileError(f"{file.name}: not YAML: {error}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise ProfileError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if profile.name != file.stem:
            raise ProfileError(f"{file.name}: name: is {profile.name!r}, the file says {file.stem!r}")
        found[profile.name] = profile
    return found


@cache
def profiles() -> dict[str, Profile]:
    """Return the profiles that come with the gateway, by name."""
    return load()


def profile(name: str) -> Profile:
    """Return one profile; raises Invalid on `credentials.vendor_profile` for a name that is none."""
    found = profiles().get(name)
    if found is None:
        raise Invalid.field("credentials.vendor_profile", f"{name!r} is none of {', '.join(sorted(profiles()))}")
    return found
