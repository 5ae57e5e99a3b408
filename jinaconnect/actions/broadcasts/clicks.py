"""Links that are followed: where they lead, and who came by them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from crawleruseragents import is_crawler

from jinaconnect.actions.context import Services, system_context
from jinaconnect.actions.worker import retry_while_unavailable
from jinaconnect.core.broadcasts import links
from jinaconnect.core.errors import NotFound
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Addition, Change, Duplicate, applied

TRIES = 20  # on a link that others follow at the same moment


@dataclass(frozen=True, slots=True)
class Visit:
    """Who came by a link, as their request says."""

    ip: str
    agent: str
    referer: str
    at: datetime
    looks: bool  # only asks what is there, with HEAD


async def followed(services: Services, code: str) -> Document:
    """Return the link of a code; raises NotFound."""
    found = await services.store.across("links", {"code": code}, limit=1) if links.CODE.fullmatch(code) else []
    if not found:
        raise NotFound("There is no such link.")
    return found[0]


async def count_visit(services: Services, link: Document, visit: Visit) -> None:
    """Write down that somebody came by a link; what only looks counts for nobody, and may tell who came before."""
    id = services.ids.new("clk")
    with suppress(Duplicate, NotFound):  # an earlier try was good after all; the link is gone
        await retry_while_unavailable(lambda: _count(services, link, visit, id))


async def _count(services: Services, link: Document, visit: Visit, id: str) -> None:
    ctx = system_context(services, link["scope"], "links")
    if visit.looks:
        await ctx.data.change("links", link["_id"], lambda doc: _looked(doc, visit))
        return
    row = await ctx.data.find("broadcast_rows", link["row"])
    delivered = None if row is None else row["delivered_at"] or row["sent_at"]
    for _ in range(TRIES):
        held = await ctx.data.get("links", link["_id"])
        seen = held["click_count"] + held["suspect_count"] + held["bot_count"]
        kind = links.kind_of(
            visit.agent, crawler=is_crawler(visit.agent), first=not seen, delivered_at=delivered, now=visit.at
        )
        click = {
            "_id": id, "link": link["_id"], "kind": kind, "clicked_at": visit.at, "ip_address": visit.ip,
            "user_agent": visit.agent[: links.KEPT_AGENT], "referer": visit.referer[: links.KEPT_REFERER],
        }  # fmt: skip
        fields = {**links.clicked(held, click), "updated_at": ctx.now()}
        events = []
        if kind == links.HUMAN:
            shown = links.render_link(applied(held, fields, (), ()))
            by = {"type": "contact", "id": held["contact"]}
            events = [
                ctx.event("link.clicked", held["_id"], shown, contact=held["contact"], channel=held["platform"],
                          at=visit.at, actor=by)
            ]  # fmt: skip
        adding = [Addition("link_clicks", click)] if seen < links.MOST_CLICKS else []
        written = await ctx.data.write_together([("links", held, Change(set=fields, events=events))], adding)
        if written is not None:
            await ctx.data.tell("links", [doc for collection, doc in written if collection == "links"])
            return


def _looked(doc: Document, visit: Visit) -> Change | None:
    fields = links.doubted(doc, visit.ip, visit.at)
    return None if fields is None else Change(set=fields)
