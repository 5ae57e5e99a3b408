"""Words by which customers stop messages, want them again or ask for help: kept as their wish, and answered once.

Where answering is the carriers' custom (SMS) their channels tell of such words themselves; elsewhere the wish is kept
as one that a carrier tells, and a person answers.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

import structlog

from jinaconnect.actions.contacts.addressing import contact_at
from jinaconnect.actions.contacts.preferences import set_marketing
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.messaging.sending import count_message
from jinaconnect.actions.worker import Worker
from jinaconnect.channels.base import Account, Channel, Outgoing
from jinaconnect.channels.facts import UNTIMED, Inbound, Keyword, Preference
from jinaconnect.core.errors import Invalid
from jinaconnect.core.ids import encode, made_at
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import marketing_opt_out
from jinaconnect.core.inbox.message import OUTGOING, new_message
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.messaging.keywords import ANSWERS, HELP, START, STOP, keyword
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Duplicate

CONFIRMED_WITHIN = timedelta(minutes=5)  # 47 CFR 64.1200(a)(12): one confirmation at most, and no later

logger = structlog.get_logger(__name__)


def wish_of(fact: Inbound) -> Preference | None:
    """Return what a customer wants who writes nothing but a word to stop or to start again, None where it is no such.

    Of a bot's commands those two alone are: another, as `/cancel`, is about what the bot does.
    """
    text = fact.content["body"]["text"] if fact.type == "TEXT" and fact.content.get("type") == "text" else ""
    said = keyword(text)
    command = text.strip().casefold() if text.lstrip().startswith("/") else None
    if said not in (STOP, START) or command not in (None, "/stop", "/start"):
        return None
    if fact.unreadable is not None or fact.group is not None or fact.writer is not None:
        return None
    return Preference(fact.account_address, fact.sender, fact.name, said == STOP, fact.at, fact.known_as)


async def answer_keyword(
    services: Services, worker: Worker, channel: Channel, scope: str, account: Account, fact: Keyword
) -> None:
    """Note what a customer wants and answer it; a message that comes once more is answered no second time."""
    ctx, platform = system_context(services, scope, "keywords"), channel.spec.platform
    contact = await contact_at(ctx.data, fact.sender)
    if contact is None:
        return
    at = ctx.now() if fact.at == UNTIMED else fact.at
    stopped = marketing_opt_out(platform) in contact["opt_outs"]
    if fact.word in (STOP, START):
        await set_marketing(ctx, contact["_id"], platform, stop=fact.word == STOP, at=at)
    new = fact.word == HELP or stopped != (fact.word == STOP)
    if new and ctx.now() - at <= CONFIRMED_WITHIN:
        await _say(ctx, worker, channel, account, contact, fact, platform)


async def _say(
    ctx: Context, worker: Worker, channel: Channel, account: Account, contact: Document, fact: Keyword, platform: str
) -> None:
    """Record the answer to a word, under an id that follows from the message: it is there once."""
    app = await ctx.data.find("apps", account.id)
    said = await ctx.data.find_one("messages", {"platform": platform, "carrier_id": fact.carrier_id})
    if app is None or said is None or not app["is_active"]:
        return
    text = ANSWERS[fact.word].format(name=app["app_name"])
    content = {"type": "text", "body": {"text": text}}
    try:
        composed = channel.compose(account, Outgoing(content, to=fact.sender))
    except Invalid as error:  # a carrier of registered texts only
        logger.info("keyword.not_answered", account=account.id, reason=str(error))
        return
    now = ctx.now()
    chance = hashlib.sha256(f"{account.id} {fact.carrier_id}".encode()).digest()
    doc = new_message(
        encode("msg", made_at(said["_id"]) + 1, chance), contact=contact["_id"], platform=platform,
        direction=OUTGOING, type=composed.type, content=composed.content, author="BOT", app=account.id, timestamp=now,
        status=status.PENDING, request=dict(composed.wire), due=due_at(now), created_by="keywords", created_at=now,
        updated_at=now, **({} if composed.segments is None else {"segments": composed.segments}),
    )  # fmt: skip
    event = message_event(
        ctx.ids.new("evt"), "message.queued", doc, contact, at=now, actor=ctx.principal.actor()
    )  # fmt: skip
    try:
        written = (await ctx.data.insert("messages", doc, [event], tell=False)).doc
    except Duplicate:
        return
    await count_message(ctx, written)
    await ctx.data.tell("messages", [written])
    worker.run_now("messages", ctx.data.scope, written["_id"])
