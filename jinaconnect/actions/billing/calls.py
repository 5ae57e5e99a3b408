"""What a call has cost, taken from the wallet once the call has ended."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import structlog

from jinaconnect.actions.context import Context
from jinaconnect.core.billing.money import micros
from jinaconnect.core.billing.prices import NoExchangeRate
from jinaconnect.core.billing.wallet import VOICE_INBOUND, VOICE_OUTBOUND
from jinaconnect.core.calls.document import INBOUND

logger = structlog.get_logger(__name__)


async def charge_call(ctx: Context, call: Mapping[str, Any]) -> None:
    """Charge an ended call, once; without effect where nobody is charged or it cost nothing."""
    cost = 0 if call["cost_amount"] is None else micros(Decimal(call["cost_amount"]))
    wallets, scope = ctx.services.wallets, ctx.data.scope
    wallet = await wallets.of(scope) if cost else None
    if wallet is None:
        return
    try:
        amount = wallets.prices.changed(cost, call["cost_currency"], wallet["currency"], call["ended_at"].date())
    except NoExchangeRate as error:
        logger.error("charge.not_made", call=call["_id"], error=str(error))
        return
    kind = VOICE_INBOUND if call["direction"] == INBOUND else VOICE_OUTBOUND
    facts = {"description": f"{call['from_number']} → {call['to_number']}"}
    await wallets.charge(scope, f"call:{call['_id']}", amount, kind, facts=facts)
