"""Asking a carrier what a call has cost, where its reports do not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted.accounts import Providers
from jinaconnect.actions.rating.provider_prices import AGAIN, FETCHED, TRIES, note_price, price_job
from jinaconnect.actions.worker import Worker
from jinaconnect.telephony.provider import AsksPrice, CallGone, ProviderAway

logger = structlog.get_logger(__name__)


class PriceAsker:
    """Asks (jobs of the kind `voice.price`)."""

    def __init__(self, services: Services, worker: Worker, providers: Providers) -> None:
        self._services = services
        self._worker = worker
        self._providers = providers

    async def ask(self, scope: str, data: Mapping[str, Any]) -> None:
        """Ask once; a carrier that does not know yet is asked again after a while, a few times."""
        store = self._services.store.within(scope)
        call = await store.find("calls", data["call"])
        if call is None or call.get("provider_cost") is not None:
            return
        trunk = await store.find("trunks", call["provider_config"])
        adapter = self._providers.get(call["hosted"]["provider"], scope)
        if trunk is None or not isinstance(adapter, AsksPrice):
            return
        price = None
        try:
            price = await adapter.fetch_price(self._providers.opened(trunk), call["provider_call_id"])
        except (CallGone, ProviderAway) as error:
            logger.info("price.not_told", call=call["_id"], error=str(error))
        if price is not None:
            await note_price(self._services, self._worker, call, price, FETCHED)
        elif data["tries"] < TRIES:
            job = price_job(call["_id"], scope, data["tries"] + 1, self._services.clock(), AGAIN)
            await self._worker.add_jobs([job])
