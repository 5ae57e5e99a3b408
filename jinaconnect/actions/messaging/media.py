"""Files of messages: fetched from the carrier with the account's token or uploaded by the team, kept, served by an id.

A file's row is written with its message and carries the work that fetches it. Its id is chance alone and stands in the
message only, so whoever does not see the message cannot know it; it ends when the message is removed or erased.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.context import Context, Services
from jinaconnect.actions.ports import Accounts
from jinaconnect.actions.scoping import visible
from jinaconnect.channels.base import Account, FileMissing, FileRefused
from jinaconnect.channels.table import Channels
from jinaconnect.core.errors import CarrierFailed, Invalid, NotFound, Unavailable
from jinaconnect.core.ids import encode, made_at
from jinaconnect.core.inbox.media import media_of, media_url, with_url
from jinaconnect.core.inbox.media_type import media_type, sniffed
from jinaconnect.core.messaging.template_form import FILES
from jinaconnect.outbound import Blocked, OutboundError, TooLarge
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.tenant import Change, TenantStore

MAX_BYTES = 100 * 1024 * 1024
MAX_TRIES = 8  # of a file that its carrier has not: it may be late
TRIED_FOR = timedelta(days=1)  # of one that its carrier does not give out for a while
LIBRARY_PATH = "/tenants/tenant-media/"
SENT_S = 30 * 86_400  # how long the address of a file holds that a message was sent with
FORMER_JOB = "media.fetch"  # how earlier versions kept the work

logger = structlog.get_logger(__name__)


def new_media_id(now: datetime) -> str:
    """Return an id that no other id tells anything of."""
    return encode("med", int(now.timestamp() * 1000), secrets.token_bytes(10))


def media_row(message: Document, account: Account, handle: Mapping[str, Any], now: datetime) -> Document | None:
    """Return the row of a message's file, due to be fetched."""
    id = media_of(message)
    if id is None:
        return None
    return {
        "_id": id, "message": message["_id"], "account": account.id, "handle": dict(handle), "mime_type": None,
        "size": None, "due": due_at(now),
    }  # fmt: skip


class MediaFetcher:
    """Fetches files from the carrier."""

    def __init__(self, services: Services, accounts: Accounts, channels: Channels) -> None:
        self._services = services
        self._accounts = accounts
        self._channels = channels

    async def fetch(self, claim: Claim) -> None:
        """Fetch one file; raises CarrierFailed when another try may help, Unavailable while it cannot be kept."""
        row = claim.doc
        store = self._services.store.within(row["scope"])
        message = await store.find("messages", row["message"])
        app = await store.find("apps", row["account"])
        if message is None or message["deleted_at"] is not None:
            await self._finish(store, row["_id"], {})
            return
        if app is None or app["deleted_at"] is not None:
            await self._give_up(store, row, "its account was removed")
            return
        account = self._accounts.open(app)
        async with self._services.blobs.spool() as spool:
            try:
                channel = self._channels[account.channel]
                mime = media_type(await channel.fetch(account, row["handle"], spool, MAX_BYTES))
            except Unavailable:
                raise
            except Exception as error:
                if self._over(claim, error):
                    await self._give_up(store, row, str(error) or type(error).__name__)
                    return
                if isinstance(error, OutboundError):
                    raise CarrierFailed(f"media cannot be fetched: {error}") from error
                raise
            await self._services.blobs.keep(spool, row["scope"], row["_id"])
            kept = await self._finish(store, row["_id"], {"mime_type": mime, "size": spool.size})
        if not kept:  # erased while it was fetched
            await self._services.blobs.delete(row["scope"], row["_id"])

    def _over(self, claim: Claim, error: Exception) -> bool:
        """Tell whether no further try will bring a file."""
        if isinstance(error, FileRefused):
            return True
        if claim.tries < MAX_TRIES:
            return False
        age = self._services.clock() - datetime.fromtimestamp(made_at(claim.doc["_id"]) / 1000, UTC)
        return isinstance(error, FileMissing | Blocked | TooLarge) or age >= TRIED_FOR

    async def _give_up(self, store: TenantStore, row: Document, reason: str) -> None:
        logger.warning("media.given_up", id=row["_id"], message=row["message"], reason=reason[:500])
        await self._finish(store, row["_id"], {})

    async def _finish(self, store: TenantStore, id: str, fields: Mapping[str, Any]) -> bool:
        try:
            await store.change("media", id, lambda doc: Change(set=fields, unset=("due", "handle", "account")))
        except NotFound:
            return False
        return True


async def keep_upload(ctx: Context, body: bytes) -> dict[str, Any]:
    """Keep a file that the team is about to send and return how a message names it.

    It belongs to the first message that is sent with it, and ends with that one.
    """
    id = new_media_id(ctx.now())
    mime, kind = sniffed(body)
    scope = ctx.data.scope
    await ctx.services.blobs.put(scope, id, body)
    row = {"_id": id, "message": None, "mime_type": mime, "size": len(body), "uploaded_by": ctx.principal.id}
    await ctx.data.insert_many("media", [(row, [])])
    return {"id": id, "url": media_url(id), "kind": kind, "mime_type": mime, "size": len(body)}


async def reachable(ctx: Context, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return content whose file, where it is one of ours, is named so that a carrier can fetch it.

    Raises Invalid on a file that is not there.
    """
    id = media_of({"content": content})
    if id is None:
        return content
    row = await ctx.data.find("media", id)
    if row is None or row["mime_type"] is None:
        raise Invalid.field(f"content.{content['type']}.url", "there is no such file")
    settings = ctx.services.settings
    return with_url(content, f"{settings.public_url or settings.own_url}{media_url(id)}")


async def give_file(ctx: Context, message: Document) -> None:
    """Let a message's file belong to it, unless it belongs to another already."""
    id = media_of(message)
    if id is None:
        return

    def decide(row: Document) -> Change | None:
        return Change(set={"message": message["_id"]}) if row["message"] is None else None

    with suppress(NotFound):  # it was erased meanwhile
        await ctx.data.change("media", id, decide)


async def take_former_job(services: Services, scope: str, data: Mapping[str, Any]) -> None:
    """Take over the work of an earlier version: a file that its message names by an id like the message's own."""
    store = services.store.within(scope)
    if await store.find("media", data["media"]) is not None:
        return
    row = {
        "_id": data["media"], "message": data["message"], "account": data["account"], "handle": dict(data["handle"]),
        "mime_type": None, "size": None, "due": due_at(services.clock()),
    }  # fmt: skip
    await store.insert_many("media", [(row, [])])


async def servable(ctx: Context, id: str) -> tuple[str, str]:
    """Return (scope, media type) of a file that may be served; raises NotFound.

    Whoever knows the id may have it. Files of earlier versions have ids that follow from their message's: those are
    for who sees the message.
    """
    row = await ctx.services.registry.media(id)
    if row is None or row["mime_type"] is None:
        raise NotFound()
    if row["message"] is None:
        return row["scope"], media_type(row["mime_type"])  # nobody has sent it yet
    store = ctx.services.store.within(row["scope"])
    message = await store.find("messages", row["message"])
    if message is None or message["deleted_at"] is not None:
        raise NotFound()
    if id.partition("_")[2] == message["_id"].partition("_")[2]:
        contact = await store.find("contacts", message["contact"])
        known = ctx.known
        if known is None or known.scope != row["scope"] or not known.may("inbox.view"):
            raise NotFound()
        if contact is None or not visible(known, contact):
            raise NotFound()
    return row["scope"], media_type(row["mime_type"])


# ---- files of the library


def library_signature(services: Services, row: Mapping[str, Any], expires: int) -> str:
    """Return what shows that we have made an address of a file of the library."""
    signed = f"{row['_id']}:{row['file']}:{expires}".encode()
    made = hmac.digest(services.secrets.derive("library"), signed, hashlib.sha256)[:18]
    return base64.urlsafe_b64encode(made).decode()


def library_url(ctx: Context, row: Mapping[str, Any], seconds: int) -> str:
    """Return an address of a file of the library that holds for so long."""
    settings, expires = ctx.services.settings, int(ctx.now().timestamp()) + seconds
    query = f"expires={expires}&signature={library_signature(ctx.services, row, expires)}"
    return f"{settings.public_url or settings.own_url}{LIBRARY_PATH}{row['_id']}/content/?{query}"


def library_path(id: str | None) -> str | None:
    """Return where members find a file of the library, None for none."""
    return f"{LIBRARY_PATH}{id}/serve/" if id else None


async def template_links(
    ctx: Context, form: Mapping[str, Any], overrides: Mapping[str, Any]
) -> dict[int | None, str]:
    """Return where the files of the library are that a template shows: of the header None, of cards by their places.

    `overrides` name others by id (`header`, `cards` by place); raises Invalid below `media_overrides` for what is no
    file of the library, of another kind, or in a place that shows none.
    """
    kinds = _shown_kinds(form)
    wanted: dict[int | None, tuple[str, str | None]] = {place: (id, None) for place, id in _own_files(form)}
    for place, id, field in _overriding(overrides):
        if place not in kinds:
            raise Invalid.field(field, "the template shows no file there")
        wanted[place] = (id, field)
    links: dict[int | None, str] = {}
    for place, (id, named) in wanted.items():
        row = await ctx.data.find("library", str(id))
        if row is not None and row["media_type"] in kinds.get(place, ()):
            links[place] = library_url(ctx, row, SENT_S)
        elif named is not None:
            told = "there is no such file in the library" if row is None else f"must be of {', '.join(kinds[place])}"
            raise Invalid.field(named, told)
    return links


def _shown_kinds(form: Mapping[str, Any]) -> dict[int | None, tuple[str, ...]]:
    """Return where a template shows files, and of which kinds."""
    kinds: dict[int | None, tuple[str, ...]] = {}
    if form.get("template_type") in FILES:
        kinds[None] = (str(form["template_type"]).lower(),)
    for place, card in enumerate(form.get("cards") or ()):
        if card["headerType"] in FILES:
            kinds[place] = (card["headerType"].lower(),)
    kinds |= {place: ("image", "video") for place, _ in enumerate(form.get("rich_cards") or ())}
    return kinds


def _own_files(form: Mapping[str, Any]) -> Iterator[tuple[int | None, str]]:
    if form.get("tenant_media"):
        yield None, form["tenant_media"]
    for place, card in enumerate(form.get("cards") or form.get("rich_cards") or ()):
        if card.get("tenant_media"):
            yield place, card["tenant_media"]


def _overriding(overrides: Mapping[str, Any]) -> Iterator[tuple[int | None, str, str]]:
    """Yield the place, the id and the field of each file that is named in place of another."""
    header, cards = overrides.get("header"), overrides.get("cards")
    if isinstance(header, str):
        yield None, header, "media_overrides.header"
    elif header is not None and not isinstance(header, Mapping):
        raise Invalid.field("media_overrides.header", "must be the id of a file of the library")
    if cards is None:
        return
    if not isinstance(cards, Mapping):
        raise Invalid.field("media_overrides.cards", "must be an object of ids by the places of cards")
    for name, id in cards.items():
        field = f"media_overrides.cards.{name}"
        if not re.fullmatch("[0-9]{1,4}", str(name)) or not isinstance(id, str):
            raise Invalid.field(field, "must be the id of a file of the library, by the place of its card from 0")
        yield int(name), id, field
