"""The platforms people write and call on: a row each, whatever carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from jinaconnect.core.inbox.address import PHONE, SMS_SENDER, WHATSAPP_GROUP, WHATSAPP_USER, Address, address_of, having


@dataclass(frozen=True, slots=True)
class Flow:
    """A way to come to a platform, step by step."""

    value: str
    label: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Platform:
    """What is to be known of a platform.

    `addresses` are the kinds of address a contact is reached by there, the first they have; `username` the field of a
    contact for the name they chose there, `window` how long after the customer's last message free-form content is
    taken (None: always). Where `marketing` may be stopped alone, that is an opt-out of its own; an opt-out of a
    platform that `stops_all` stops answers and codes too. `group` is the kind of address of its groups where it is
    none of those: what is said there is read and not answered. Messages are paid for when they go, or where that is so
    `paid_on_delivery`. `base` is where the platform's own REST is. Where people may be on it or not, `ability` begins
    the fields of a contact that say so. Templates of one with `own_templates` are ours
    alone: no carrier knows them; where it has `cards`, one may be those. One that is `spoken` is called on: a broadcast
    there is calls. `flows` are the ways an organisation comes to it.
    """

    label: str
    addresses: tuple[str, ...] = (PHONE,)
    username: str | None = None
    window: timedelta | None = None
    marketing: bool = False
    group: str | None = None
    paid_on_delivery: bool = False
    base: str | None = None
    ability: str | None = None
    stops_all: bool = False
    own_templates: bool = False
    cards: bool = False
    spoken: bool = False
    flows: tuple[Flow, ...] = ()


PLATFORMS: dict[str, Platform] = {
    "WHATSAPP": Platform(
        "WhatsApp", addresses=(PHONE, WHATSAPP_USER), username="whatsapp_username", window=timedelta(hours=24),
        marketing=True, group=WHATSAPP_GROUP, paid_on_delivery=True, base="/wa/v1", flows=(
            Flow("whatsapp_embedded_signup", "WhatsApp with Meta's sign-up",
                 ("Log in at Meta", "Choose the business and its number", "Confirm the number", "Receive a message")),
            Flow("whatsapp_manual", "WhatsApp by hand",
                 ("Make an app at Meta", "Enter its ids and secrets", "Name our webhook at Meta", "Receive a message")),
        ),
    ),
    "TELEGRAM": Platform(
        "Telegram", addresses=("telegram_chat_id",), username="telegram_username", base="/telegram/v1",
        own_templates=True,
        flows=(Flow("telegram", "Telegram", ("Make a bot with @BotFather", "Enter its token", "Receive a message")),),
    ),
    "SMS": Platform("SMS", addresses=(PHONE, SMS_SENDER), stops_all=True, base="/sms/v1", flows=(
        Flow("sms", "SMS", ("Choose a carrier", "Enter its credentials", "Register senders where the law asks for it")),
    )),
    "RCS": Platform("RCS", base="/rcs/v1", ability="rcs", own_templates=True, cards=True, flows=(
        Flow("rcs", "RCS", ("Register an agent at Google", "Enter the key of its service account", "Send a message")),
    )),
    "VOICE": Platform("Voice", spoken=True, flows=(
        Flow("voice", "Voice", ("Choose a carrier", "Enter its credentials", "Route your numbers", "Place a call")),
    )),
}


USUAL = "WHATSAPP"  # where a broadcast goes that names no platform
FORMER_PLATFORM = "WHATSAPP"  # whose templates are that were written before other platforms had any


def address_on(contact: Mapping[str, Any], platform: str) -> Address | None:
    """Return where a contact is reached on a platform, None where they are not."""
    for field in PLATFORMS[platform].addresses:
        if (found := address_of(contact, field)) is not None:
            return found
    return None


def ways_on(platform: str) -> list[dict[str, Any]]:
    """Return the conditions, as queries, of contacts who have an `address_on` a platform: one for each kind of address.

    None fits two of them, and each has an index, which MongoDB would use for none of them in one `$or`.
    """
    ways = [having(field) for field in PLATFORMS[platform].addresses]
    return [{"$and": [way, {"$nor": ways[:place]}] if place else [way]} for place, way in enumerate(ways)]


def reaching(contact: Mapping[str, Any]) -> str:
    """Return the first platform that reaches a contact; the first of all where none does."""
    first = next(iter(PLATFORMS))
    return next((name for name in PLATFORMS if address_on(contact, name) is not None), first)


OPT_OUTS = (*PLATFORMS, *(f"{name}_MARKETING" for name, platform in PLATFORMS.items() if platform.marketing))
SOURCES = ("MANUAL", *PLATFORMS, "IMPORT")  # where a contact may have come from


def _platform(name: str) -> str:
    if name not in PLATFORMS:
        raise ValueError(f"must be one of {', '.join(PLATFORMS)}")
    return name


def _source(name: str) -> str:
    if name not in SOURCES:
        raise ValueError(f"must be one of {', '.join(SOURCES)}")
    return name


def _opt_out(name: str) -> str:
    if name not in OPT_OUTS:
        raise ValueError(f"must be one of {', '.join(OPT_OUTS)}")
    return name


PlatformName = Annotated[str, AfterValidator(_platform), WithJsonSchema({"type": "string", "enum": list(PLATFORMS)})]
SourceName = Annotated[str, AfterValidator(_source), WithJsonSchema({"type": "string", "enum": list(SOURCES)})]
OptOutName = Annotated[str, AfterValidator(_opt_out), WithJsonSchema({"type": "string", "enum": list(OPT_OUTS)})]
