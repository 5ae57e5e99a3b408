"""Bringing a trunk's or telephone's objects to an Asterisk, and taking them away.

Asterisk keeps them in memory only: whoever owns the trunks pushes all of them again after each of its starts.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from ipaddress import ip_network
from typing import NamedTuple

from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriNotFound, AriProtocol, AriRefused
from jinaconnect.telephony.trunks.pjsip import ConfigObject, Kind, names_of, removal

MARK = "@jinaconnect"  # an attribute Asterisk only keeps: what the object was made of
LOOKS, LOOK_S = 100, 0.05  # whether a registration that was deleted is gone


class Refused(NamedTuple):
    """An object Asterisk did not take; the reason is in its log only."""

    kind: Kind
    id: str
    status: int
    text: str


async def push(ari: AriClient, objects: Sequence[ConfigObject], *, renew: bool = False) -> list[Refused]:
    """Create or replace objects in order and return those that Asterisk refused.

    Pushing twice is pushing once. What Asterisk has as we want it is left alone; what differs is deleted first, for a
    PUT over an object merges: an address or an attribute that is wanted no more would stay, and Asterisk's own
    defaults become values (the caller's number would not be read any more).

    One refusal does not stop the rest: a carrier whose host name does not resolve just now (its identify is refused)
    can still be called. A registration begins anew where its password changed, or on `renew`: Asterisk keeps a
    registration that reads the same as before, even one that was rejected for good. Raises AriUnreachable, AriTimeout.
    """
    refused = []
    for each in objects:
        try:
            held = await _mark(ari, each)
            anew = _resolved(each) or (each.kind == "registration" and renew)
            if held == _fingerprint(each) and not anew:
                continue
            # Telephones that have registered are deleted with their aor; it names nothing that could stay behind.
            if held is not None and not (each.kind == "aor" and each.value("contact") is None):
                await _delete(ari, each.kind, each.id)
                if each.kind == "registration":
                    await _forgotten(ari, each)
            await ari.objects.put(each.kind, each.id, (*each.fields, (MARK, _fingerprint(each))))
            renew = renew or each.kind == "auth"
        except AriRefused as error:
            refused.append(Refused(each.kind, each.id, error.status, error.body))
    await withdraw(ari, [each for each in _family(objects) if (each.kind, each.id) not in _keys(objects)])
    return refused


def _family(objects: Sequence[ConfigObject]) -> list[ConfigObject]:
    return [name for each in objects if each.kind == "endpoint" for name in names_of(each.id)]


def _keys(objects: Sequence[ConfigObject]) -> set[tuple[str, str]]:
    return {(each.kind, each.id) for each in objects}


async def strays(ari: AriClient, wanted: Collection[str]) -> list[str]:
    """Return the endpoints that were pushed some time and are not among the `wanted` ones."""
    held = [each.resource for each in await ari.endpoints.list()]
    found = []
    for endpoint in held:
        if endpoint not in wanted and names_of(endpoint):
            mark = await _mark(ari, ConfigObject("endpoint", endpoint, ()))
            found += [endpoint] if mark else []  # one without was made by other hands
    return found


async def withdraw(ari: AriClient, objects: Sequence[ConfigObject]) -> None:
    """Remove those of the objects that Asterisk has."""
    await remove(ari, [each for each in objects if await _mark(ari, each) is not None])


async def remove(
    ari: AriClient, objects: Sequence[ConfigObject], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Delete objects in the order that lets a registration say goodbye; those already gone are passed over."""
    for each in removal(tuple(objects)):
        if each.after_s:
            await sleep(each.after_s)
        await _delete(ari, each.kind, each.id)


async def _forgotten(ari: AriClient, deleted: ConfigObject) -> None:
    """Wait until Asterisk has let go of a registration.

    It answers a DELETE before that. What is put in its place earlier shares its end: it is never sent to the carrier,
    and has no state, until Asterisk starts anew. One that had no answer yet cannot be seen, nor where there are no
    metrics.
    """
    uris = (deleted.value("client_uri"), deleted.value("server_uri"))
    with suppress(AriRefused, AriProtocol):
        for _ in range(LOOKS):
            if all((each.client_uri, each.server_uri) != uris for each in await ari.registrations()):
                return
            await asyncio.sleep(LOOK_S)


async def _mark(ari: AriClient, wanted: ConfigObject) -> str | None:
    """Return the mark of the object Asterisk has: empty for one without, None where there is no object."""
    try:
        return (await ari.objects.get(wanted.kind, wanted.id)).get(MARK, "")
    except AriNotFound:
        return None


def _fingerprint(wanted: ConfigObject) -> str:
    return hashlib.sha256(repr((wanted.kind, wanted.fields)).encode()).hexdigest()[:32]


def _resolved(wanted: ConfigObject) -> bool:
    """Tell whether Asterisk looks up names for an object, which it does when it takes it and never again."""
    return wanted.kind == "identify" and any(not _is_network(host) for host in (wanted.value("match") or "").split(","))


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


async def _delete(ari: AriClient, kind: Kind, id: str) -> None:
    """Delete an object, or find it gone."""
    with suppress(AriNotFound):
        await ari.objects.delete(kind, id)
