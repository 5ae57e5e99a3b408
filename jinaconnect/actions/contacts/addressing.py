"""The contact behind an address, found or made: the one place where messages, calls and sends get theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import opening_events
from jinaconnect.core.inbox.address import Address, address_fields
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.store.mongo import Document
from jinaconnect.store.tenant import Duplicate, TenantStore, Written


async def contact_at(data: TenantStore, address: Address) -> Document | None:
    """Return the contact with an address, None where nobody has it."""
    name, value = address.key()
    return next((doc for doc in await data.find_by("contacts", name, value) if doc["deleted_at"] is None), None)


async def contacts_at(data: TenantStore, addresses: Sequence[Address]) -> dict[Address, Document]:
    """Return the contacts that have these addresses."""
    wanted: dict[str, dict[Any, Address]] = {}
    for address in addresses:
        name, value = address.key()
        wanted.setdefault(name, {})[value] = address
    found: dict[Address, Document] = {}
    for name, values in wanted.items():
        for doc in await data.select("contacts", {name: {"$in": list(values)}}):
            held = doc[name] if isinstance(doc[name], list) else [doc[name]]
            found.update({values[value]: doc for value in held if value in values})
    return found


def _made(ctx: Context, address: Address, source: str, by: str | None, fields: Mapping[str, Any]) -> Any:
    now = ctx.now()
    doc = new_contact(
        ctx.ids.new("cnt"), source=source, by=by, created_at=now, updated_at=now, **address_fields([address]), **fields
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
            return await ctx.data.insert("contacts", *_made(ctx, address, source, by, fields))
        except Duplicate:
            held = await contact_at(ctx.data, address)
    return None if held is None else Written(held, None, ctx.data.scope)


async def contacts_for(
    ctx: Context, people: Mapping[Address, Mapping[str, Any]], source: str
) -> dict[Address, Document]:
    """Return the contacts with these addresses, made with the fields given where there is none.

    Events of those made are written with them and not yet told: that is for whoever writes what brought them.
    """
    found = await contacts_at(ctx.data, list(people))
    new = [address for address in people if address not in found]
    if new:
        items = [_made(ctx, address, source, None, people[address]) for address in new]
        added = await ctx.data.insert_many("contacts", items, tell=False)
        for address, result in zip(new, added, strict=True):
            held = await contact_at(ctx.data, address) if isinstance(result, Duplicate) else result.doc
            assert held is not None
            found[address] = held
    return found
