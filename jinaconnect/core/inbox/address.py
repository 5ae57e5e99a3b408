"""What a contact is found by: a phone number, a chat id, whatever a platform names people with.

Phone numbers and Telegram chats are fields of a contact of their own, which REST shows and the team may write.
Addresses that only a platform knows stand together in `addresses`, each as `field:value`. One unique index each keeps
every address with one contact, however many addresses a person has.

A number may be written in several ways by one carrier (Brazil's ninth digit, Mexico's 1, Argentina's 9 of mobile
numbers): all of them are one person's, and the longest stands in `addresses` so that two contacts cannot share it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinaconnect.core.schema import e164

PHONE = "phone"
WHATSAPP_USER = "whatsapp_user"  # the id WhatsApp gives a person towards one business, where the number is not told
WHATSAPP_GROUP = "whatsapp_group"  # a group of WhatsApp's: it has a conversation of its own, as a contact has
SMS_SENDER = "sms_sender"  # a short code or a name, which SMS may come from as well
OWN_FIELDS = (PHONE, "telegram_chat_id")
OTHERS = "addresses"


_ONCE_CUT = 24  # what was no number was kept as one of at most so many characters
_NUMBER = re.compile(r"\+[0-9]+")
# Both forms of a mobile number, and how the one becomes the other.
_FORMS = (
    (re.compile(r"\+55([1-9][0-9])9([6-9][0-9]{7})"), "+55{}{}"),
    (re.compile(r"\+55([1-9][0-9])([6-9][0-9]{7})"), "+55{}9{}"),
    (re.compile(r"\+521([0-9]{10})"), "+52{}"),
    (re.compile(r"\+52([0-9]{10})"), "+521{}"),
    (re.compile(r"\+549([0-9]{10})"), "+54{}"),
    (re.compile(r"\+54([0-9]{10})"), "+549{}"),
)
_SEVERAL = ("+52", "+54", "+55")


@dataclass(frozen=True, slots=True)
class Address:
    """One way to reach a person: the kind of address, and its value as contacts keep it."""

    field: str
    value: str | int

    def key(self) -> tuple[str, str | int]:
        """Return the indexed key of contacts that holds it, and what is looked for there."""
        return (self.field, self.value) if self.field in OWN_FIELDS else (OTHERS, self.text)

    @property
    def text(self) -> str:
        """Return the address as it stands among others."""
        return f"{self.field}:{self.value}"

    def lookups(self) -> list[tuple[str, str | int]]:
        """Return every key of contacts that this address may be found under, the surest first."""
        if self.field == PHONE:
            forms = variants(str(self.value))
            return [*((PHONE, form) for form in forms), *((OTHERS, f"{PHONE}:{form}") for form in forms)]
        if self.field == WHATSAPP_USER and len(str(self.value)) < _ONCE_CUT:
            return [self.key(), (PHONE, f"+{self.value}")]
        return [self.key(), (OTHERS, self.text)] if self.field in OWN_FIELDS else [self.key()]


def sms_address(text: str) -> Address:
    """Return whom an SMS is from: a number, or a short code or name, which is none."""
    try:
        return Address(PHONE, e164(text))
    except ValueError:
        return Address(SMS_SENDER, text[:64])


def variants(phone: str) -> tuple[str, ...]:
    """Return every way a number is written, its own first; for nearly all numbers there is one."""
    if not phone.startswith(_SEVERAL):
        return (phone,)
    for pattern, other in _FORMS:
        if found := pattern.fullmatch(phone):
            return phone, other.format(*found.groups())
    return (phone,)


def unaddressed() -> dict[str, Any]:
    """Return the fields of a contact that has no address."""
    return {**dict.fromkeys(OWN_FIELDS), OTHERS: []}


def address_fields(addresses: Iterable[Address]) -> dict[str, Any]:
    """Return the fields of a contact that hold these addresses."""
    return with_addresses(unaddressed(), addresses)


def with_addresses(contact: Mapping[str, Any], addresses: Iterable[Address]) -> dict[str, Any]:
    """Return the fields of a contact that differ once it has these addresses as well.

    A second one of a kind that is a field of its own stands among the others.
    """
    held = {name: contact.get(name, none) for name, none in unaddressed().items()}
    if held[PHONE] is not None and not _NUMBER.fullmatch(held[PHONE]):
        held[PHONE] = None  # an id of a platform, kept as a number by an earlier version
    others = list(held[OTHERS] or ())
    for address in addresses:
        if address.field not in OWN_FIELDS:
            others.append(address.text)
        elif held[address.field] is None:
            held[address.field] = address.value
        elif address.value not in (variants(held[PHONE]) if address.field == PHONE else (held[address.field],)):
            others.append(address.text)
    forms = variants(held[PHONE]) if held[PHONE] is not None else ()
    if len(forms) > 1:
        others.append(f"{PHONE}:{max(forms, key=len)}")
    held[OTHERS] = list(dict.fromkeys(others))
    return {name: value for name, value in held.items() if contact.get(name) != value}


def without_addresses(contact: Mapping[str, Any], addresses: Iterable[Address]) -> dict[str, Any]:
    """Return the fields of a contact that differ once it has these addresses no more."""
    gone = set(addresses)
    after = address_fields(each for each in addresses_of(contact) if each not in gone)
    return {name: value for name, value in after.items() if contact.get(name) != value}


def address_of(contact: Mapping[str, Any], field: str) -> Address | None:
    """Return a contact's address of a kind, None where it has none."""
    if field in OWN_FIELDS:
        value = contact.get(field)
        return None if value is None else Address(field, value)
    begins = f"{field}:"
    held = next((text for text in contact.get(OTHERS) or () if text.startswith(begins)), None)
    return None if held is None else Address(field, held.removeprefix(begins))


def having(field: str) -> dict[str, Any]:
    """Return the condition, as a query, of contacts that have an address of a kind."""
    if field in OWN_FIELDS:
        return {field: {"$gt": ""} if field == PHONE else {"$gte": -(2**63)}}  # as the indexes on them have it
    within = {"$gte": f"{field}:", "$lt": f"{field};"}
    return {OTHERS: {"$gte": within["$gte"], "$elemMatch": within}}


def addresses_of(contact: Mapping[str, Any]) -> list[Address]:
    """Return all that a contact can be found by."""
    own = [Address(field, contact[field]) for field in OWN_FIELDS if contact.get(field) is not None]
    others = [text.partition(":") for text in contact.get(OTHERS) or ()]
    return [*own, *(Address(field, value) for field, _, value in others)]


def address_values(contact: Mapping[str, Any]) -> list[str]:
    """Return all that a contact can be found by, as carriers write it."""
    own = [str(contact[field]) for field in OWN_FIELDS if contact.get(field) is not None]
    return [*own, *(text.partition(":")[2] for text in contact.get(OTHERS) or ())]
