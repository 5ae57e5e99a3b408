"""What a contact is found by: a phone number, a chat id, whatever a platform names people with.

Phone numbers and Telegram chats are fields of a contact of their own, which REST shows and the team may write.
Addresses that only a platform knows stand together in `addresses`, each as `field:value`. One unique index each keeps
every address with one contact, however many addresses a person has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PHONE = "phone"
OWN_FIELDS = (PHONE, "telegram_chat_id")
OTHERS = "addresses"


@dataclass(frozen=True, slots=True)
class Address:
    """One way to reach a person: the kind of address, and its value as contacts keep it."""

    field: str
    value: str | int

    def key(self) -> tuple[str, str | int]:
        """Return the indexed key of contacts that holds it, and what is looked for there."""
        return (self.field, self.value) if self.field in OWN_FIELDS else (OTHERS, f"{self.field}:{self.value}")


def unaddressed() -> dict[str, Any]:
    """Return the fields of a contact that has no address."""
    return {**dict.fromkeys(OWN_FIELDS), OTHERS: []}


def address_fields(addresses: Iterable[Address]) -> dict[str, Any]:
    """Return the fields of a contact that hold these addresses."""
    fields: dict[str, Any] = {}
    for address in addresses:
        name, value = address.key()
        if name == OTHERS:
            fields.setdefault(OTHERS, []).append(value)
        else:
            fields[name] = value
    return fields


def address_of(contact: Mapping[str, Any], field: str) -> Address | None:
    """Return a contact's address of a kind, None where it has none."""
    if field in OWN_FIELDS:
        value = contact.get(field)
        return None if value is None else Address(field, value)
    begins = f"{field}:"
    held = next((text for text in contact.get(OTHERS) or () if text.startswith(begins)), None)
    return None if held is None else Address(field, held.removeprefix(begins))


def address_values(contact: Mapping[str, Any]) -> list[str]:
    """Return all that a contact can be found by, as carriers write it."""
    own = [str(contact[field]) for field in OWN_FIELDS if contact.get(field) is not None]
    return [*own, *(text.partition(":")[2] for text in contact.get(OTHERS) or ())]
