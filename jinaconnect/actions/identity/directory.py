"""Every organisation of the deployment, for its own people: listed, and found by what it is and has."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.identity.tenants import tenant_detail
from jinaconnect.actions.listing import envelope
from jinaconnect.core.billing.wallet import new_wallet
from jinaconnect.core.paging import page_of
from jinaconnect.core.principal import scope_of
from jinaconnect.store.billing.organisations import Organisations
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.looking import LOOKED_AT, Atom, atoms

CONTACTS, PRODUCT, WALLET = "contacts_count", "product", "wallet."  # what is not a field of an organisation's own
AT_ONCE = 20
_COMPARED = {"$lt": operator.lt, "$lte": operator.le, "$gt": operator.gt, "$gte": operator.ge}


async def list_all(ctx: Context, condition: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the list of all organisations that fit, the newest first.

    What each has is looked at among the newest ten thousand that fit otherwise: where there are more, the answer says
    `complete: false`. Raises Unavailable while contacts are counted for the first time.
    """
    page, found = page_of(ctx.caller.query), ctx.services.organisations
    own: dict[str, Any] = {}
    having: list[Atom] = []
    for atom in atoms(condition):
        [(path, wanted)] = atom.items()
        if path == PRODUCT and wanted is None:
            continue  # whatever they use
        if path in (CONTACTS, PRODUCT) or path.startswith(WALLET):
            having.append(atom)
        else:
            own.setdefault("$and", []).append({path: wanted})
    complete = True
    if having:
        docs = await found.select(own, limit=LOOKED_AT + 1)
        complete = len(docs) <= LOOKED_AT
        docs = await _having(found, docs[:LOOKED_AT], having)
        count, docs = len(docs), docs[page.skip : page.skip + page.size]
    else:
        count, docs = await found.count(own), await found.select(own, skip=page.skip, limit=page.size)
    rows: list[dict[str, Any]] = []
    for place in range(0, len(docs), AT_ONCE):
        rows += await asyncio.gather(*(tenant_detail(ctx, doc["_id"]) for doc in docs[place : place + AT_ONCE]))
    return {**envelope(ctx, page, count, rows), **({} if complete else {"complete": False})}


async def _having(found: Organisations, docs: Sequence[Document], wanted: Sequence[Atom]) -> list[Document]:
    """Return those of some organisations that have what is asked for."""
    kept = list(docs)
    for atom in wanted:
        [(path, asked)] = atom.items()
        if path == PRODUCT:
            users = await found.using(asked)
            kept = [doc for doc in kept if doc["_id"] in users]
        elif path == CONTACTS:
            counts = await found.contacts()
            kept = [doc for doc in kept if _fits(counts.get(doc["_id"], 0), asked)]
        else:
            held, name = await found.wallets([doc["_id"] for doc in kept]), path.removeprefix(WALLET)
            kept = [doc for doc in kept if _fits(_wallet(held, doc["_id"])[name], asked)]
    return kept


def _wallet(held: Mapping[str, Document], tenant: str) -> Mapping[str, Any]:
    return held.get(tenant) or new_wallet(scope_of(tenant, "live"))


def _fits(value: int, asked: Any) -> bool:
    bounds = asked if isinstance(asked, Mapping) else {"$gte": asked, "$lte": asked}
    return all(_COMPARED[how](value, bound) for how, bound in bounds.items())


async def named(ctx: Context, condition: Mapping[str, Any], most: int) -> list[Document]:
    """Return the organisations that fit, at most one more than `most`; only the caller's own unless they run all."""
    own = {} if ctx.principal.may("billing.platform") else {"_id": ctx.principal.tenant}
    return await ctx.services.organisations.select({"$and": [own, dict(condition)]}, limit=most + 1)
