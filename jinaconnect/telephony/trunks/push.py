"""Bringing a trunk's or telephone's objects to an Asterisk, and taking them away.

Asterisk keeps them in memory only: whoever owns the trunks pushes all of them again after each of its starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriNotFound, AriRefused
from jinaconnect.telephony.trunks.pjsip import ConfigObject, Kind, removal


class Refused(NamedTuple):
    """An object Asterisk did not take; the reason is in its log only."""

    kind: Kind
    id: str
    status: int
    text: str


async def push(ari: AriClient, objects: Sequence[ConfigObject], *, renew: bool = False) -> list[Refused]:
    """Create or replace objects in order and return those that Asterisk refused.

    One refusal does not stop the rest: a carrier whose host name does not resolve just now (its identify is refused)
    can still be called. A registration begins anew where its password changed, or on `renew`: Asterisk keeps a
    registration that reads the same as before, even one that was rejected for good. Raises AriUnreachable, AriTimeout.
    """
    refused = []
    for each in objects:
        try:
            if each.kind == "auth" and not renew:
                renew = not await _holds(ari, each)
            if each.kind == "registration" and renew:
                await _delete(ari, each.kind, each.id)
            await ari.objects.put(each.kind, each.id, each.fields)
        except AriRefused as error:
            refused.append(Refused(each.kind, each.id, error.status, error.body))
    return refused


async def remove(
    ari: AriClient, objects: Sequence[ConfigObject], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Delete objects in the order that lets a registration say goodbye; those already gone are passed over."""
    for each in removal(tuple(objects)):
        if each.after_s:
            await sleep(each.after_s)
        await _delete(ari, each.kind, each.id)


async def _holds(ari: AriClient, wanted: ConfigObject) -> bool:
    """Tell whether Asterisk has the object with these very values."""
    try:
        kept = await ari.objects.get(wanted.kind, wanted.id)
    except AriNotFound:
        return False
    return all(kept.get(name) == value for name, value in wanted.fields)


async def _delete(ari: AriClient, kind: Kind, id: str) -> None:
    """Delete an object, or find it gone."""
    with suppress(AriNotFound):
        await ari.objects.delete(kind, id)
