"""`/r/{code}/`, where recipients' links lead on from, and `/broadcast/url-tracking/`, what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import RootModel

from jinaconnect.actions.broadcasts import clicks, links
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.core.broadcasts.links import KINDS, render_click
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.base import MOMENT, like
from jinaconnect.core.events.payloads.broadcasts import LINK, LinkData
from jinaconnect.core.paging import FLAG, Filter, Listing, choice_filter, parse_bool
from jinaconnect.core.schema import Answer, example, sample_id
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter

LINKS = Listing(
    filters={
        "broadcast_id": Filter("broadcast", lookups=("", "in")), "contact_id": Filter("contact", lookups=("", "in")),
    },
)  # fmt: skip
CLICKS = Listing(filters={"kind": choice_filter("kind", KINDS)})
# Nothing of where it leads is kept by a browser, and where it leads hears nothing of us.
_ON_ITS_WAY = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


class LinkOut(LinkData, json_schema_extra=like({**LINK, "contact_phone": "+12025550111", "contact_name": "Ann Lee"})):
    """A recipient's link, and who they are."""

    contact_phone: str | None
    contact_name: str


class ClickOut(
    Answer,
    json_schema_extra=example(
        id=sample_id("clk"), clicked_at=MOMENT, kind="HUMAN", ip_address="203.0.113.7",
        user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", referer="",
    ),
):  # fmt: skip
    """Somebody's coming by a link."""

    id: str
    clicked_at: str
    kind: Literal["HUMAN", "SUSPECT", "BOT"]
    ip_address: str
    user_agent: str
    referer: str


class FollowedButton(Answer):
    """What came of one button, or of one address of a text."""

    button_index: int | None
    card_index: int | None
    button_text: str
    original_url: str
    total_clicks: int
    unique_clickers: int
    first_click: str | None
    last_click: str | None


class LinkFigures(Answer):
    """What came of a broadcast's links; clicks are those of people, programs are counted apart."""

    total_tracked_urls: int
    total_clicks: int
    suspect_clicks: int
    bot_clicks: int
    unique_contacts_clicked: int
    count_exact: bool
    buttons: list[FollowedButton]


class LinksOfMessage(RootModel[list[LinkData]]):
    """The links of one recipient."""


@operation(
    "GET", "/r/{code}/", id="links.follow", permission=PUBLIC, status=302, tag="broadcasts", limited=False,
    socket=False, errors=(404, 429),
)  # fmt: skip
async def follow(ctx: OperationContext, code: str) -> Reply:
    """Lead on to where a recipient's link goes; who came is written down afterwards."""
    caller = ctx.caller
    await ctx.ports.rates.follow(caller.ip)
    link = await clicks.followed(ctx.services, code)
    visit = clicks.Visit(
        caller.ip, caller.user_agent, caller.headers.get("Referer", ""), ctx.now(), caller.method == "HEAD"
    )
    ctx.ports.worker.run(clicks.count_visit(ctx.services, link, visit))
    return Reply(None, 302, {"Location": link["original_url"], **_ON_ITS_WAY})


@operation(
    "GET", "/broadcast/url-tracking/", id="links.list", permission="broadcast.view", listing=LINKS, returns=LinkOut,
    tag="broadcasts", query={"clicked_only": Parameter("Only links that a person came by.", FLAG)},
)  # fmt: skip
async def list_links(ctx: OperationContext) -> dict[str, Any]:
    """List the links of recipients, newest first."""
    try:
        only = parse_bool(ctx.caller.query.get("clicked_only", "false"))
    except ValueError as error:
        raise Invalid.field("clicked_only", str(error)) from error

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return await links.link_rows(ctx, docs)

    return await list_documents(ctx, "links", LINKS, render, asked=[{"clicked": True}] if only else ())


@operation(
    "GET", "/broadcast/url-tracking/{id}/", id="links.read", permission="broadcast.view", returns=LinkOut,
    tag="broadcasts",
)  # fmt: skip
async def read_link(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Show one recipient's link."""
    return (await links.link_rows(ctx, [await ctx.data.get("links", id)]))[0]


@operation(
    "GET", "/broadcast/url-tracking/{id}/clicks/", id="links.clicks", permission="broadcast.view", listing=CLICKS,
    returns=ClickOut, tag="broadcasts",
)  # fmt: skip
async def list_clicks(ctx: OperationContext, id: str) -> dict[str, Any]:
    """List who came by a link, newest first; the first thousand are kept."""
    await ctx.data.get("links", id)

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [render_click(doc) for doc in docs]

    return await list_documents(ctx, "link_clicks", CLICKS, render, {"link": id})


@operation(
    "GET", "/broadcast/url-tracking/broadcast/{broadcast_id}/", id="links.of_broadcast", permission="broadcast.view",
    returns=LinkFigures, tag="broadcasts",
)  # fmt: skip
async def of_broadcast(ctx: OperationContext, broadcast_id: str) -> dict[str, Any]:
    """Count who came by a broadcast's links, by button or address."""
    return await links.links_of_broadcast(ctx, broadcast_id)


@operation(
    "GET", "/broadcast/url-tracking/message/{message_id}/", id="links.of_message", permission="broadcast.view",
    returns=LinksOfMessage, tag="broadcasts",
)  # fmt: skip
async def of_message(ctx: OperationContext, message_id: str) -> list[dict[str, Any]]:
    """Show the links of one recipient."""
    return await links.links_of_message(ctx, message_id)
