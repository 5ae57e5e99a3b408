"""What the use cases of plain nouns have in common: documents that are listed, shown, added, changed and removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_documents
from jinaconnect.core.events.event import Event
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

Check = Callable[[Mapping[str, Any]], None]


def _nothing(doc: Mapping[str, Any]) -> None:
    """Find nothing wrong with a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One noun's documents: where they are kept, how they are shown, and what is told of them.

    `id` begins their ids, `told` the types of their events (`told.created`, `.updated`, `.deleted`). `check` raises for
    a document that cannot be; what needs to be asked of others is checked by the noun's own use cases.
    """

    collection: str
    id: str
    told: str
    render: Callable[[Document], dict[str, Any]]
    check: Check = _nothing
    channel: str | None = None

    def event(self, ctx: Context, what: str, doc: Document) -> Event:
        """Return the event of a document that was created, updated or deleted."""
        return ctx.event(f"{self.told}.{what}", doc["_id"], self.render(doc), channel=self.channel)

    async def list(self, ctx: Context, listing: Listing) -> dict[str, Any]:
        """Answer the list of them."""

        async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
            return [self.render(doc) for doc in docs]

        return await list_documents(ctx, self.collection, listing, render)

    async def read(self, ctx: Context, id: str) -> dict[str, Any]:
        """Return one as it is answered; raises NotFound."""
        return self.render(await ctx.data.get(self.collection, id))

    async def create(self, ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Add one; raises Duplicate, and what its check raises."""
        doc = {"_id": ctx.ids.new(self.id), **fields, "created_at": ctx.now(), "updated_at": ctx.now()}
        self.check(doc)
        written = await ctx.data.insert(self.collection, doc, [self.event(ctx, "created", doc)])
        return self.render(ctx.wrote(written))

    async def change(self, ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change one; raises NotFound, Duplicate, and what its check raises."""
        changes = {**fields, "updated_at": ctx.now()}

        def decide(doc: Document) -> Change:
            after = {**doc, **changes}
            self.check(after)
            return Change(set=changes, events=[self.event(ctx, "updated", after)])

        return self.render(ctx.wrote(await ctx.data.change(self.collection, id, decide)))

    async def delete(self, ctx: Context, id: str) -> None:
        """Remove one; raises NotFound."""
        doc = await ctx.data.get(self.collection, id)
        ctx.wrote(await ctx.data.delete(self.collection, id, self.event(ctx, "deleted", doc)))
