"""Texts that a carrier takes only as they are registered: what is written is looked for among them beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.messaging.templates import template_use
from jinaconnect.channels.abilities import TakesRegistered
from jinaconnect.channels.base import Account, TemplateUse
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.messaging.dlt import Differs, compare
from jinaconnect.core.messaging.plain import plain_text
from jinaconnect.core.messaging.templates import placeholders

MOST = 1_000  # registered texts of an organisation


async def registered_template(
    ctx: OperationContext, account: Account, platform: str, to: Address | None, content: Mapping[str, Any],
    options: Mapping[str, Any],
) -> TemplateUse | None:  # fmt: skip
    """Return the registered text that a message is, with its values; None where its carrier takes any text.

    Raises Invalid on `text` naming the first character that differs from the registered text it is nearest to.
    """
    channel = ctx.ports.channels[account.channel]
    if to is None or not isinstance(channel, TakesRegistered) or not channel.registered_only(account, to):
        return None
    text = plain_text(content, platform)
    docs = await ctx.data.select("templates", {"platform": platform, "deleted_at": None}, limit=MOST)
    wanted = options.get("dlt_template_id")
    nearest: tuple[int, str] | None = None
    for doc in docs:
        if not doc["is_active"] or (wanted is not None and doc.get("dlt_template_id") != wanted):
            continue
        found = compare(doc["content"], text)
        if isinstance(found, Differs):
            nearest = max(nearest or (-1, ""), (found.position, f"'{doc['element_name']}': {found.said}"))
        else:
            names = placeholders(doc["content"])
            named = dict(zip(names, found.values, strict=False))
            body = [{"type": "text", "text": value, "parameter_name": name} for name, value in named.items()]
            return template_use(doc, body)
    if nearest is None:
        raise Invalid.field("text", "is no registered text: there is no template that it could be")
    raise Invalid.field("text", f"is not the registered text {nearest[1]}")
