"""What an Asterisk knows of its carriers' contacts: what it tells by itself, and what a question asked anew brings.

ARI can neither send an OPTIONS (RFC 3261 section 11) nor tell how long one took between changes: a contact's event
comes when its reachability changes, and its first answer is such a change. So a probe is a contact of its own, made
like the trunk's, heard of once and removed; the trunk's own objects are not touched. Asterisk sends the first OPTIONS
to a new contact at a random moment within its interval, hence the shortest there is. Which answer came is not told:
any answer at all makes a contact reachable.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import structlog

from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriError, AriNotFound, AriUnreachable
from jinaconnect.telephony.ari.event_types import ContactStatusChange
from jinaconnect.telephony.ari.events import AriEvents
from jinaconnect.telephony.trunks.pjsip import ConfigObject

# A second until it is sent, three for the answer, one for an Asterisk that is busy.
PROBE_S = 5.0
ANSWER_S = "3"
# What belongs to calls has no place on an endpoint that only asks.
_LEFT_OUT = ("aors", "send_pai", "tenantid")

logger = structlog.get_logger(__name__)


class Probed(NamedTuple):
    """What a carrier did with an OPTIONS: whether it answered, and after how many milliseconds."""

    ok: bool
    rtt_ms: float | None


def probe_objects(objects: Sequence[ConfigObject], name: str) -> tuple[ConfigObject, ConfigObject]:
    """Return the aor and endpoint that ask a trunk's carrier, named `name`, made of the trunk's own objects."""
    by_kind = {each.kind: each for each in objects}
    contact = by_kind["aor"].value("contact") or ""
    asked = (("contact", contact), ("qualify_frequency", "1"), ("qualify_timeout", ANSWER_S))
    kept = tuple((key, value) for key, value in by_kind["endpoint"].fields if key not in _LEFT_OUT)
    return ConfigObject("aor", name, asked), ConfigObject("endpoint", name, (*kept, ("aors", name)))


class Contacts:
    """An event socket with an application of its own that hears of contacts only, so calls are told of once."""

    def __init__(self, client: AriClient, events: AriEvents, on_change: Callable[[ContactStatusChange], None]) -> None:
        self._client = client
        self._events = events
        self._on_change = on_change
        self._asked: dict[str, asyncio.Future[ContactStatusChange]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(
        cls, client: AriClient, app: str, now: Callable[[], datetime],
        on_change: Callable[[ContactStatusChange], None] = lambda change: None,
    ) -> Contacts:  # fmt: skip
        """Connect as an application derived from `app`; `on_change` hears of every contact but the probes'.

        Raises AriUnreachable, AriTimeout, AriDenied, AriRefused.
        """
        own = f"{app}-health-{secrets.token_hex(4)}"
        events = await AriEvents.connect(client, own, disallow=(), ping_s=3.0, pong_s=3.0, now=now)
        try:
            await client.http.call(
                "PUT", "/applications/{applicationName}/eventFilter", path={"applicationName": own},
                body={"allowed": [{"type": "ContactStatusChange"}]},
            )  # fmt: skip
            await client.applications.subscribe(own, "endpoint:PJSIP")
        except BaseException:
            await events.close()
            raise
        return cls(client, events, on_change)

    async def __aenter__(self) -> Contacts:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; probes under way fail as unreachable."""
        await self._events.close()
        await self._reader

    @property
    def ended(self) -> bool:
        """Whether the connection is gone, so that changes may have been missed."""
        return self._events.closed is not None

    async def _read(self) -> None:
        async for event in self._events:
            if not isinstance(event, ContactStatusChange):
                continue
            waiting = self._asked.get(event.contact_info.aor)
            if waiting is None:
                self._on_change(event)
            elif not waiting.done():
                waiting.set_result(event)
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(AriUnreachable("probe: the event connection ended", uncertain=True))

    async def probe(self, objects: Sequence[ConfigObject]) -> Probed:
        """Have Asterisk ask a trunk's carrier now; `objects` are the trunk's, pushed or not.

        Answers within PROBE_S and a little. Raises AriUnreachable, AriTimeout, AriRefused.
        """
        if self.ended:
            raise AriUnreachable("probe: the event connection ended")
        aor, endpoint = probe_objects(objects, f"probe-{secrets.token_hex(6)}")
        answer = self._asked[aor.id] = asyncio.get_running_loop().create_future()
        try:
            await self._client.objects.put("aor", aor.id, aor.fields)
            await self._client.objects.put("endpoint", endpoint.id, endpoint.fields)
            try:
                told = await asyncio.wait_for(answer, PROBE_S)
            except TimeoutError:
                # No word on an address that cannot even be sent to.
                return Probed(False, None)
            ok = told.contact_info.contact_status == "Reachable"
            return Probed(ok, told.contact_info.roundtrip_ms if ok else None)
        finally:
            answer.cancel()
            await self._forget(aor, endpoint)
            del self._asked[aor.id]

    async def _forget(self, aor: ConfigObject, endpoint: ConfigObject) -> None:
        for each in (endpoint, aor):
            try:
                with suppress(AriNotFound):
                    await self._client.objects.delete(each.kind, each.id)
            except AriError as error:
                logger.info("probe.not_removed", id=each.id, error=str(error))
