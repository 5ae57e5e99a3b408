"""Whom a call can reach: numbers through a trunk, SIP addresses, agents' telephones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinaconnect.actions.context import Services
from jinaconnect.actions.trunks.accounts import has_sip_account, open_sip, profile_of
from jinaconnect.actions.trunks.hosts import ONLY_IPV4, has_ipv4, sip_host_permitted
from jinaconnect.core.calls import document
from jinaconnect.core.calls.numbers import country_of, plus_form
from jinaconnect.core.errors import Invalid
from jinaconnect.core.schema import e164
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import TenantStore
from jinaconnect.telephony.trunks.credentials import split_port
from jinaconnect.telephony.trunks.numbers import NumberFormat, dialled, read
from jinaconnect.telephony.trunks.numbers import caller as caller_form
from jinaconnect.telephony.trunks.pjsip import device_endpoint_id, endpoint_id

MOST_STYLES = 10_000
_styles: dict[tuple[str, bytes, str | None], NumberFormat] = {}  # by trunk and what is sealed of it

_NUMBER = re.compile(r"\+?[0-9]{5,15}")
_SIP = re.compile(
    r"sip:[A-Za-z0-9_.!~*'()&=+$-]{1,64}@(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:]+\])(:(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class Reached:
    """A party that can be dialled: `number` for one outside, `refer` the URI a carrier may be asked to call.

    `takes_refer` tells whether the trunk's carrier is known to do what it is asked.
    """

    endpoint: str
    to: str = ""
    number: str | None = None
    user: str | None = None
    device: str | None = None
    caller: str = ""
    refer: str | None = None
    takes_refer: bool = False

    @property
    def dialled(self) -> dict[str, str]:
        """What the switch is told to dial."""
        return {"endpoint": self.endpoint, "to": self.to}

    def leg(self, role: str) -> dict[str, Any]:
        """Return a leg of a call to this party."""
        return document.leg(
            role, endpoint=self.endpoint, to=self.to, number=self.number, user=self.user, device=self.device
        )


def trunk_target(services: Services, trunk: Document, number: str, caller: str) -> Reached:
    """Return a number as reached through a trunk, both numbers written as its carrier wants them."""
    if not has_sip_account(trunk):
        return Reached(
            endpoint_id(trunk["_id"]), number, number=number, caller=caller, refer=f"sip:{number}@{trunk['asterisk']}"
        )
    credentials, profile = open_sip(services, trunk), profile_of(trunk)
    style = credentials.number_format or profile.numbers
    to = dialled(number, style)
    host = split_port(credentials.sip_proxy)[0]
    return Reached(
        endpoint_id(trunk["_id"]), to, number=number, caller=caller_form(caller, style), refer=f"sip:{to}@{host}",
        takes_refer=credentials.takes_refer,
    )


def called_number(services: Services, trunk: Document, text: str, country: str = "") -> str:
    """Return a number as E.164 where it can be read as this trunk's carrier writes numbers, else as it came.

    `country` is where the trunk is, for one whose format does not say.
    """
    if has_sip_account(trunk):
        number = read(text, _style(services, trunk), country or home_of(trunk["from_numbers"]))
        if number is not None:
            return number
    return plus_form(text)


def _style(services: Services, trunk: Document) -> NumberFormat:
    """Return how a trunk's carrier writes numbers; asked for each call, opened once for what is sealed."""
    key = (trunk["_id"], bytes(trunk["credentials"] or b""), trunk["vendor_profile"])
    style = _styles.get(key)
    if style is None:
        style = open_sip(services, trunk).number_format or profile_of(trunk).numbers
        if len(_styles) >= MOST_STYLES:
            _styles.clear()
        _styles[key] = style
    return style


def home_of(numbers: Sequence[str]) -> str:
    """Return the country code that all of a trunk's own numbers have, empty where they have none in common."""
    codes = {country_of(number) for number in numbers}
    return codes.pop() if len(codes) == 1 else ""


async def sip_address(services: Services, uri: str, name: str = "to") -> str:
    """Return a SIP URI that may be dialled; raises Invalid on `name` for a malformed one or an internal host."""
    found = _SIP.fullmatch(uri)
    if found is None:
        raise Invalid.field(name, "must be an E.164 number, a sip: address or a device")
    if found["port"] is not None and not 1 <= int(found["port"]) <= 65535:
        raise Invalid.field(name, "the port must be between 1 and 65535")
    if not await sip_host_permitted(services, found["host"].strip("[]")):
        raise Invalid.field(name, "the address is not one that may be called")
    if not await has_ipv4(services, found["host"].strip("[]")):
        raise Invalid.field(name, ONLY_IPV4)
    return uri


async def reach(
    services: Services, store: TenantStore, call: Mapping[str, Any], *, to: str = "", user: str = ""
) -> list[Reached]:
    """Return the parties that `to` (number, `sip:` address, device or user id) or `user` stands for.

    A user without a telephone gives none; raises Invalid on `to` for what cannot be reached.
    """
    if user or to.startswith("usr_"):
        rows = await store.select("devices", {"user": user or to, "deleted_at": None})
        devices = [await _device(store, row) for row in rows]
        if not devices and not user:
            raise Invalid.field("to", "this person has no telephone")
        return [each for each in devices if each is not None]
    if to.startswith("dev_"):
        row = await store.find("devices", to)
        device = None if row is None or row.get("deleted_at") else await _device(store, row)
        if device is None:
            raise Invalid.field("to", "there is no such telephone")
        return [device]
    trunk = await store.find("trunks", str(call["provider_config"]))
    if trunk is None or trunk.get("deleted_at"):
        raise Invalid.field("to", "the call's trunk was removed")
    if to.startswith("sip:"):
        uri = await sip_address(services, to)
        takes = has_sip_account(trunk) and open_sip(services, trunk).takes_refer
        return [Reached(endpoint_id(trunk["_id"]), uri, caller=call["from_number"], refer=uri, takes_refer=takes)]
    if not _NUMBER.fullmatch(to):
        raise Invalid.field("to", "must be an E.164 number, a sip: address or a device")
    try:
        number = e164(to)
    except ValueError as error:
        raise Invalid.field("to", str(error)) from error
    own = call["to_number"] if call["direction"] == document.INBOUND else call["from_number"]
    return [trunk_target(services, trunk, number, own)]


async def _device(store: TenantStore, row: Document) -> Reached | None:
    if await store.find_one("members", {"user": row["user"], "is_active": True}) is None:
        return None  # the telephone of somebody who left
    if row["kind"] == "softphone":
        return Reached(device_endpoint_id(row["_id"]), user=row["user"], device=row["_id"])
    trunk = await store.find("trunks", row["provider_config"])
    if trunk is None or trunk.get("deleted_at"):
        return None
    return Reached(endpoint_id(trunk["_id"]), row["uri"], user=row["user"], device=row["_id"])
