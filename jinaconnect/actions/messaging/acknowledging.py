"""Telling a carrier that what a customer did has been seen, where it waits for that (a pressed button shows it)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.context import Services
from jinaconnect.actions.ports import Ports
from jinaconnect.actions.worker import Worker
from jinaconnect.channels.abilities import Acknowledges
from jinaconnect.channels.base import Account
from jinaconnect.channels.facts import Inbound
from jinaconnect.core.errors import CarrierFailed
from jinaconnect.outbound import OutboundError
from jinaconnect.store.due import due_at

JOB = "acknowledge"
WORTH = timedelta(minutes=1)  # later nobody waits any more


async def acknowledge_soon(
    worker: Worker, scope: str, seen: Sequence[tuple[Account, Inbound]], now: datetime
) -> None:
    """Have carriers told that these messages have been seen."""
    jobs = [
        {
            "_id": f"job_ack_{account.id}_{fact.carrier_id}", "scope": scope, "kind": JOB, "due": due_at(now),
            "data": {"account": account.id, "handle": dict(fact.acknowledge or {}), "at": now},
        }
        for account, fact in seen
    ]  # fmt: skip
    if jobs:
        await worker.add_jobs(jobs)


async def acknowledge(services: Services, ports: Ports, scope: str, data: Mapping[str, Any]) -> None:
    """Tell a carrier; raises CarrierFailed where another try may help."""
    doc = await services.store.within(scope).find("apps", data["account"])
    if doc is None or doc["deleted_at"] is not None or services.clock() - data["at"] > WORTH:
        return
    account = ports.accounts.open(doc)
    channel = ports.channels[account.channel]
    if isinstance(channel, Acknowledges):
        try:
            await channel.acknowledge(account, data["handle"])
        except OutboundError as error:
            raise CarrierFailed(f"it cannot be acknowledged: {error}") from error
