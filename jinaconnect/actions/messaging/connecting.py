"""Accounts at carriers that are asked about them: connected when they are added or changed, disconnected when not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.channels.abilities import Connected, Provisions
from jinaconnect.channels.base import Account, Channel
from jinaconnect.core.errors import CarrierFailed, GatewayError
from jinaconnect.outbound import OutboundError

logger = structlog.get_logger(__name__)


async def connect(services: Services, channel: Channel, account: Account) -> Connected:
    """Have an account's carrier check it and post its webhooks here; raises Invalid, CarrierFailed.

    Nothing is told of carriers that need not be asked, and of simulated accounts.
    """
    if account.simulated or not isinstance(channel, Provisions):
        return Connected()
    base = services.settings.public_url or services.settings.own_url
    try:
        return await channel.connect(account, base + channel.spec.path(account.tenant, account.id))
    except OutboundError as error:
        raise CarrierFailed(f"The carrier could not be asked: {error}") from error


async def disconnect(channel: Channel, account: Account) -> None:
    """Have a carrier post an account's webhooks no more; one that cannot be told posts to a door that is closed."""
    if account.simulated or not isinstance(channel, Provisions):
        return
    try:
        await channel.disconnect(account)
    except (OutboundError, GatewayError) as error:
        logger.warning("account.not_disconnected", account=account.id, reason=str(error))


def merged(held: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an account's credentials with those given; null removes one."""
    return {name: value for name, value in {**held, **given}.items() if value is not None}


def told_elsewhere(channel: Channel, held: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Return the secrets that would go to another host than they were given for.

    Whoever may change an account does not thereby learn them: they are given anew with another base_url.
    """
    after = merged(held, given)
    if after.get("base_url") == held.get("base_url"):
        return []
    presented = channel.spec.presented or tuple(channel.spec.secrets)
    return [name for name in presented if after.get(name) is not None and given.get(name) is None]
