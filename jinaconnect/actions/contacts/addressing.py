"""The contact behind an address, found or made: the one place where messages, calls and sends get theirs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinaconnect.actions.contacts.merging import merge
from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import contact_event, opening_events
from jinaconnect.core.errors import NotFound
from jinaconnect.core.events.event import Event
from jinaconnect.core.inbox.address import Address, address_fields, with_addresses
from jinaconnect.core.inbox.contact import new_contact, render_contact
from jinaconnect.store.ahead import Trail
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, TenantStore, Written, applied


async def contact_at(data: TenantStore, address: Address) -> Document | None:
    """Return the contact with an address, however it is written, None where nobody has it."""
    return (await contacts_at(data, [address])).get(address)


async def contacts_at(data: TenantStore, addresses: Sequence[Address]) -> dict[Address, Document]:
    """Return the contacts that have these addresses.

    Each is looked for where it is found most surely, which is enough for nearly all, and only then elsewhere.
    """
    every = {address: address.lookups() for address in addresses}
    found = await _found(data, {address: [k for k in all if k[0] == all[0][0]] for address, all in every.items()})
    rest = {address: all for address, all in every.items() if address not in found}
    keys = {address: left for address, all in rest.items() if (left := [k for k in all if k[0] != all[0][0]])}
    return found | await _found(data, keys) if keys else found


async def _found(
    data: TenantStore, keys: Mapping[Address, Sequence[tuple[str, Any]]]
) -> dict[Address, Document]:
    """Return the contacts found under the first key of each address that any has."""
    wanted: dict[str, set[Any]] = {}
    for name, value in (key for own in keys.values() for key in own):
        wanted.setdefault(name, set()).add(value)
    rows = await asyncio.gather(*(_with(data, name, values) for name, values in wanted.items()))
    held: dict[tuple[str, Any], Document] = {}
    for name, docs in zip(wanted, rows, strict=True):
        for doc in docs:
            values = doc[name] if isinstance(doc[name], list) else [doc[name]]
            held.update({(name, value): doc for value in values if value in wanted[name]})
    return {address: held[key] for address, own in keys.items() for key in reversed(own) if key in held}


async def _with(data: TenantStore, name: str, values: Collection[Any]) -> list[Document]:
    if len(values) == 1:
        docs = await data.find_by("contacts", name, next(iter(values)))
    else:
        docs = await data.select("contacts", {name: {"$in": list(values)}})
    return [doc for doc in docs if doc["deleted_at"] is None]


def _made(
    ctx: Context, addresses: Sequence[Address], source: str, by: str | None, fields: Mapping[str, Any]
) -> tuple[Document, list[Event]]:
    now = ctx.now()
    doc = new_contact(
        ctx.ids.new("cnt"), source=source, by=by, created_at=now, updated_at=now, **address_fields(addresses), **fields
    )
    return doc, opening_events(ctx, doc, source)


async def contact_for(
    ctx: Context, address: Address, source: str, *, by: str | None = None, **fields: Any
) -> Written | None:
    """Return the contact with an address, made with these fields where there is none.

    `source` is the platform that brought it. None where somebody made and removed it meanwhile.
    """
    held = await contact_at(ctx.data, address)
    if held is None:
        try:
            return await ctx.data.insert("contacts", *_made(ctx, [address], source, by, fields))
        except Duplicate:
            held = await contact_at(ctx.data, address)
    return None if held is None else Written(held, None, ctx.data.scope)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wrote: the fields of a contact made for them, and what else they are known by."""

    fields: Mapping[str, Any]
    known_as: tuple[Address, ...] = ()


async def contacts_for(
    ctx: Context, people: Mapping[Address, Person], source: str, trail: Trail | None = None
) -> dict[Address, Document]:  # fmt: skip
    """Return the contacts with these addresses, made with the fields given where there is none.

    Who is not found by the address they are named by is found by what else they are known by. Events of those made
    are written with them and not yet told: that is for whoever writes what brought them. With a `trail` those made go
    ahead of that (see `store/ahead.py`).
    """
    every = {address: (address, *person.known_as) for address, person in people.items()}
    found = await contacts_at(ctx.data, list(dict.fromkeys(each for those in every.values() for each in those)))
    known = {
        address: next(found[each] for each in those if each in found)
        for address, those in every.items()
        if any(each in found for each in those)
    }
    groups = _groups({address: every[address] for address in people if address not in known})
    if groups:
        items = [_made(ctx, all, source, None, people[first].fields) for (first, *_), all in groups]
        added = await ctx.data.insert_many("contacts", items, tell=False, trail=trail)
        for (names, all), result in zip(groups, added, strict=True):
            if isinstance(result, Duplicate):
                held = next(iter((await contacts_at(ctx.data, all)).values()))
            else:
                held = result.doc
            known.update(dict.fromkeys(names, held))
    return known


def _groups(people: Mapping[Address, Sequence[Address]]) -> list[tuple[list[Address], list[Address]]]:
    """Return who shares an address with whom: the addresses they are named by, and all they have."""
    groups: list[tuple[list[Address], list[Address]]] = []
    place: dict[tuple[str, Any], int] = {}
    for name, all in people.items():
        keys = [key for address in all for key in address.lookups()]
        at = next((place[key] for key in keys if key in place), len(groups))
        if at == len(groups):
            groups.append(([], []))
        groups[at][0].append(name)
        groups[at][1].extend(all)
        place.update(dict.fromkeys(keys, at))
    return groups


async def learn(ctx: Context, contact: Document, addresses: Sequence[Address], **fields: Any) -> Document:
    """Add addresses to a contact, and fields that differ; returns it as it is now.

    They are one person's, as a carrier says: another contact that has one of them is merged with it.
    """
    if not _lacks(contact, addresses, fields):
        return contact
    others = await contacts_at(ctx.data, addresses)
    for other in {doc["_id"]: doc for doc in others.values() if doc["_id"] != contact["_id"]}.values():
        contact = await merge(ctx, contact, other)
        others = {each: contact if doc["_id"] in contact.get("merged", ()) else doc for each, doc in others.items()}
    own = [each for each in addresses if each not in others or others[each]["_id"] == contact["_id"]]
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change | None:
        changed = _lacks(doc, own, fields)
        if not changed:
            return None
        after = applied(doc, changed, (), ())
        if render_contact(after) == render_contact(doc):
            return Change(set={**changed, "updated_at": doc["updated_at"]})
        changed["updated_at"] = ctx.now()
        after = applied(doc, changed, (), ())
        return Change(set=changed, events=[contact_event(ctx, event_id, "contact.updated", doc, after)])

    try:
        return (await ctx.data.change("contacts", contact["_id"], decide)).doc
    except (Duplicate, NotFound):  # somebody else was given it, or the contact was removed
        return contact


async def move(ctx: Context, contact: Document, address: Address) -> None:
    """Have a contact reached by another address of a kind that is a field of its own, in place of the one it had.

    What another contact is reached by stays with it.
    """
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change | None:
        if doc[address.field] == address.value:
            return None
        fields = {address.field: address.value, "updated_at": ctx.now()}
        after = applied(doc, fields, (), ())
        return Change(set=fields, events=[contact_event(ctx, event_id, "contact.updated", doc, after)])

    with contextlib.suppress(Duplicate, NotFound):
        await ctx.data.change("contacts", contact["_id"], decide)


def _lacks(doc: Document, addresses: Sequence[Address], fields: Mapping[str, Any]) -> dict[str, Any]:
    differing = {name: value for name, value in fields.items() if value and doc.get(name) != value}
    return {**with_addresses(doc, addresses), **differing}
