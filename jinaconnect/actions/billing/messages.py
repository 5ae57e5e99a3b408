"""What a message costs: asked for before it is queued, reserved with it, settled by what became of it.

A message that is paid for holds `charge`: what was reserved, and `owed` until that is settled or given back. What a
crash leaves owed is settled by a sweep; the key of its row makes that happen once. One that goes again after it was
settled begins another `round`, whose rows have keys of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.core.billing.money import shown
from jinaconnect.core.billing.prices import country
from jinaconnect.core.billing.purse import InsufficientBalance, Line, Purse, credited
from jinaconnect.core.billing.wallet import purse_of
from jinaconnect.core.errors import GatewayError
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.inbox.window import window_open
from jinaconnect.core.messaging import rcs_price, sms_price
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Addition, Change, Decide, Step

BEHIND = timedelta(minutes=1)  # how long after its report a message is left to those who took it
NEVER_DELIVERED = timedelta(days=31)  # carriers keep a message for a month at most
OWN = "the account's own price"
ENDS = (status.FAILED, status.EXPIRED)

logger = structlog.get_logger(__name__)


class NoPrice(GatewayError):
    """Nobody has said what this costs in the wallet's currency."""

    status = 400
    code = "no_price"


@dataclass(frozen=True, slots=True)
class Quote:
    """What a message would cost: `units` (messages or segments) at `price`, in millionths of `currency`."""

    amount: int
    currency: str
    units: int
    price: int
    destination: str
    category: str
    source: str
    available: int

    def facts(self) -> dict[str, Any]:
        """Return what the ledger keeps of it."""
        return {"price": {
            "units": self.units, "unit_price": shown(self.price), "destination": self.destination,
            "category": self.category, "source": self.source,
        }}  # fmt: skip


async def quote(
    ctx: Context, platform: str, contact: Mapping[str, Any] | None, phone: str | None, category: str,
    segments: int | None, account: Mapping[str, Any], kind: str,
) -> Quote | None:  # fmt: skip
    """Return what a message of a kind would cost now, None where nobody is charged; raises NoPrice.

    `account` are the fields of the account it goes by: where those say a price, that is the price, else the list's.
    """
    wallet = await ctx.services.wallets.of(ctx.data.scope)
    if wallet is None:
        return None
    destination = country(phone if contact is None else contact["phone"])
    priced = "SERVICE" if _free(contact, platform, category, ctx.now()) else category
    own = _own(account, phone if contact is None else contact["phone"], kind)
    price, source = (own, OWN) if own is not None else _price(
        ctx, platform, destination, priced, ctx.now(), wallet["currency"]
    )  # fmt: skip
    units = segments or 1
    purse = purse_of(wallet)
    return Quote(price * units, purse.currency, units, price, destination, category, source, purse.available)


def price_for(
    ctx: Context, platform: str, contact: Mapping[str, Any], category: str, segments: int | None, currency: str,
    account: Mapping[str, Any], kind: str,
) -> int:  # fmt: skip
    """Return what a message of a kind to a contact costs now in millionths of a wallet's currency; raises NoPrice."""
    if (own := _own(account, contact.get("phone"), kind)) is not None:
        return own * (segments or 1)
    priced = "SERVICE" if _free(contact, platform, category, ctx.now()) else category
    price, _ = _price(ctx, platform, country(contact.get("phone")), priced, ctx.now(), currency)
    return price * (segments or 1)


def _own(account: Mapping[str, Any], phone: str | None, kind: str) -> int | None:
    """Return the price that an account's own fields say of one segment or message to a number, None where of none."""
    return None if phone is None else sms_price.price(account, phone, 1) or rcs_price.price(account, kind)


def _free(contact: Mapping[str, Any] | None, platform: str, category: str, now: datetime) -> bool:
    """Tell whether a template is as free as a plain answer is: within the customer's service window."""
    return category == "UTILITY" and PLATFORMS[platform].window is not None and window_open(contact, platform, now)


def _price(
    ctx: Context, platform: str, destination: str, category: str, at: datetime, currency: str
) -> tuple[int, str]:
    try:
        price = ctx.services.wallets.price(ctx.data.scope, platform, destination, category, at, currency)
    except LookupError as error:
        raise NoPrice(f"{str(error).capitalize()}.") from error
    return price.amount, price.rate.source


def covered(quoted: Quote | None) -> None:
    """Raise InsufficientBalance where a wallet plainly does not cover a message, before anything is made for it."""
    if quoted is not None and quoted.amount > quoted.available:
        raise InsufficientBalance(Purse(quoted.currency, quoted.available), quoted.amount)


def charge_of(quoted: Quote, now: datetime) -> dict[str, Any]:
    """Return what a message holds of its reservation."""
    return {
        "amount": quoted.amount, "currency": quoted.currency, "units": quoted.units,
        "destination": quoted.destination, "category": quoted.category, "at": now, "owed": now,
    }  # fmt: skip


async def reserve(ctx: Context, quoted: Quote, addition: Addition) -> Document:
    """Reserve a message's cost and store it, both or neither; returns it. Raises InsufficientBalance."""
    posted = await ctx.services.wallets.reserve(
        ctx.data.scope, about(addition.doc), quoted.amount, facts=quoted.facts(), adding=[addition]
    )
    return posted.added[0]


def about(message: Mapping[str, Any], round: int | None = None) -> str:
    """Return what the ledger calls what is paid for a message, in its latest round unless another is meant."""
    number = int(message.get("charge", {}).get("round", 0)) if round is None else round
    return f"message:{message['_id']}" + (f":{number}" if number else "")


async def again(ctx: Context, message: Document, decide: Decide) -> Document | None:
    """Write the change that has a message go once more, with what it has cost reserved for it again; returns it then.

    None where the message is not as it was read: what it costs was settled meanwhile, or `decide` does nothing.
    """
    charge = message.get("charge", {})
    paid, round = charge.get("settled"), int(charge.get("round", 0))

    def going(doc: Document) -> Change | None:
        held = doc.get("charge", {})
        if (held.get("settled"), int(held.get("round", 0))) != (paid, round) or "refunded" in held:
            return None
        change = decide(doc)
        if change is None or paid is None:
            return change
        owed = {"charge.amount": paid, "charge.owed": ctx.now(), "charge.round": round + 1}
        return replace(change, set={**change.set, **owed}, unset=[*change.unset, "charge.settled"])

    scope, step = ctx.data.scope, Step("messages", message["_id"], going)
    if paid is not None:
        posted = await ctx.services.wallets.hold_again(scope, about(message, round + 1), paid, [step])
        return None if posted.row is None else await ctx.data.find("messages", message["_id"])
    written = await ctx.data.change("messages", message["_id"], going)
    return None if written.doc["rev"] == message["rev"] else written.doc


def settling(message: Mapping[str, Any]) -> bool:
    """Tell whether what became of a message decides what it costs."""
    charge = message.get("charge")
    if charge is None:
        return False
    if message["status"] in ENDS:
        return "refunded" not in charge
    if "owed" not in charge:
        return False
    by_delivery = PLATFORMS[message["platform"]].paid_on_delivery
    return message["status"] in (_ARRIVED if by_delivery else _WENT)


_ARRIVED = (status.DELIVERED, status.READ)
_WENT = (status.SENT, *_ARRIVED)
# Which messages that owe are settling, as a query: of those that are paid for on delivery very many may be on the way.
_DECIDED = {"$or": [
    {"status": {"$in": [*_ARRIVED, *ENDS]}},
    {"status": status.SENT,
     "platform": {"$in": [name for name, platform in PLATFORMS.items() if not platform.paid_on_delivery]}},
]}  # fmt: skip


async def settle(ctx: Context, message: Document) -> None:
    """Settle or give back what was reserved for a message, where what became of it decides that."""
    if not settling(message):
        return
    if message["status"] in ENDS:
        await give_back(ctx, message)
        return
    charge, id = message["charge"], message["_id"]
    pricing = charge.get("pricing")
    cost = charge["amount"]
    if pricing is not None:
        await ctx.services.wallets.margins.refresh()
        cost = price_by_report(
            ctx, message["platform"], pricing, destination=charge["destination"], at=charge["at"],
            currency=charge["currency"], units=int(charge["units"]), expected=int(charge["amount"]),
        )  # fmt: skip
    facts = {"reserved": shown(charge["amount"]), **({} if pricing is None else {"pricing": pricing})}

    def settled(doc: Document) -> Change | None:
        if "owed" not in doc.get("charge", {}):
            return None
        return Change(set={"charge.settled": cost, "updated_at": doc["updated_at"]}, unset=["charge.owed"])

    await ctx.services.wallets.settle(
        ctx.data.scope, about(message), cost, facts=facts, steps=[Step("messages", id, settled)]
    )


def price_by_report(
    ctx: Context, platform: str, pricing: Mapping[str, Any], *, destination: str, at: datetime, currency: str,
    units: int, expected: int,
) -> int:  # fmt: skip
    """Return in millionths what a message costs by its carrier's own word; `expected` where nobody knows that price."""
    if not pricing["billable"]:
        return 0
    try:
        price, _ = _price(ctx, platform, destination, pricing["category"], at, currency)
    except NoPrice:
        return expected
    return price * units


async def give_back(ctx: Context, message: Document) -> None:
    """Give back all that a message has cost: what is reserved still, or what was settled before it failed."""
    id = message["_id"]
    paid = int(message["charge"].get("settled", 0))

    def decide(_: Purse, rest: int) -> Line | None:
        return Line(rest + paid, -rest) if rest else credited(paid)

    def refunded(doc: Document) -> Change | None:
        charge = doc.get("charge", {})
        if "refunded" in charge or charge.get("settled", 0) != paid:
            return None
        amount = paid or charge["amount"]
        return Change(set={"charge.refunded": amount, "updated_at": doc["updated_at"]}, unset=["charge.owed"])

    await ctx.services.wallets.give_back(ctx.data.scope, about(message), decide, [Step("messages", id, refunded)])


async def settle_owed(services: Services) -> None:
    """Settle what a crash left owed, and give back what no carrier will deliver any more."""
    now, owing = services.clock(), services.store.overdue
    async for message in owing("messages", "charge.owed", now - BEHIND, _DECIDED):
        await _swept(services, message, settle)
    async for message in owing("messages", "charge.owed", now - NEVER_DELIVERED):
        await _swept(services, message, give_back)


async def _swept(
    services: Services, message: Document, conclude: Callable[[Context, Document], Awaitable[None]]
) -> None:
    try:
        await conclude(system_context(services, message["scope"], "billing"), message)
    except Exception as error:  # one message is in no other's way; its turn comes again
        logger.warning("charge.postponed", message=message["_id"], error=repr(error)[:500])
