"""An endpoint as the log's fourth door sees it: what its owner may see now, its keys, and the rows it leaves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.context import Services
from jinaconnect.actions.ports import Authenticator
from jinaconnect.actions.shares import Shares
from jinaconnect.actions.webhooks.posting import post
from jinaconnect.core.clock import iso
from jinaconnect.core.cursor import Position
from jinaconnect.core.errors import Invalid, NotAuthenticated, PermissionDenied
from jinaconnect.core.events.event import Recorded
from jinaconnect.core.events.view import View, allowed_topics, view_of
from jinaconnect.core.principal import Principal, parse_scope
from jinaconnect.core.webhooks.body import body_of
from jinaconnect.core.webhooks.schedule import Outcome, last
from jinaconnect.core.webhooks.selection import types_of
from jinaconnect.core.webhooks.signature import key_of_secret
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.webhook_queue import Attempted

DELIVERED, RETRYING, FAILED = "delivered", "retrying", "failed"
Ended = Callable[[str], None]


def secret_place(id: str) -> str:
    """Return what an endpoint's secrets are sealed for."""
    return f"webhook_endpoints/{id}/secrets"


async def owner_of(auth: Authenticator, doc: Document) -> Principal:
    """Return what the one in whose name an endpoint works may do now; raises as `Authenticator.standing`."""
    tenant, mode = parse_scope(doc["scope"])
    return await auth.standing(doc["owner"]["type"], doc["owner"]["id"], tenant, mode)


def view_for(principal: Principal, doc: Document) -> View | None:
    """Return what of an endpoint's events its owner may see, None where that is nothing."""
    may = allowed_topics(principal)
    topics = [topic for topic in doc["topics"] or sorted(may) if topic in may]
    try:
        types = types_of(doc["events"])
    except Invalid:  # a type that there was when it was asked for
        return None
    return view_of(principal, topics, None if types is None else sorted(types)) if topics else None


class HookTarget:
    """Where a run posts to; made of the endpoint's document, and made anew of a later one."""

    def __init__(
        self, services: Services, auth: Authenticator, doc: Document, shares: Shares,
        record: Callable[[Attempted], None], *, ended: Ended, missed: Callable[[int, int], None],
        gave_up: Callable[[Recorded, str, int, int | None], None], keep: timedelta, replay: str | None = None,
    ) -> None:  # fmt: skip
        self.view: View | None = None
        self.doc = doc
        self._services = services
        self._auth = auth
        self._shares = shares
        self._record = record
        self._ended = ended
        self._gave_up = gave_up
        self._keep = keep
        self._replay = replay
        self._last: int | None = None
        self._doubts = 0
        self._tenant = parse_scope(doc["scope"])[0]
        self._principal: Principal | None = None
        self._keys: list[tuple[bytes, datetime | None]] = []
        self.missed = missed
        self.take(doc)

    def take(self, doc: Document) -> None:
        """Go by a later document of the endpoint."""
        self.doc = doc
        opened = self._services.secrets.open(doc["secrets"], secret_place(doc["_id"]))
        until = doc["former_until"]
        self._keys = [(key_of_secret(text), until if place else None) for place, text in enumerate(opened)]

    def doubt(self) -> None:
        """Tell nothing more until it was looked at again."""
        self._doubts += 1
        self.view = None

    async def review(self) -> str | None:
        """Look again at what the owner may see; returns why nothing is left, where that will not pass by itself.

        Raises Unavailable.
        """
        self.view = None  # what is being looked at is not gone by meanwhile
        while True:
            doubts = self._doubts
            try:
                self._principal = await owner_of(self._auth, self.doc)
            except NotAuthenticated:
                return "access_withdrawn"
            except PermissionDenied as error:
                return None if error.code == "tenant_suspended" else "access_withdrawn"
            if doubts == self._doubts:  # else what was read may be what was withdrawn
                break
        if self.doc["status"] != "active":
            return None
        self.view = view_for(self._principal, self.doc)
        return None if self.view is not None else "access_withdrawn"

    def keys(self, now: datetime) -> list[bytes]:
        """Return the keys to sign with, the newest first."""
        return [key for key, until in self._keys if until is None or until > now]

    def expired(self, now: datetime) -> bool:
        """Whether the owner's access has an end that is past."""
        return self._principal is not None and self._principal.expires_at is not None and (
            self._principal.expires_at <= now
        )  # fmt: skip

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Wait for a slot of the tenant."""
        return self._shares.join(self._tenant)

    async def post(self, event: Recorded, attempt: int, delivery: str | None, early: bool) -> tuple[Outcome, str]:
        """Try one delivery and note what came of it."""
        services = self._services
        now = services.clock()
        place = services.cursors.write(event.scope, Position(services.store.log.epoch, event.seq))
        outcome = await post(
            services.webhooks_outbound, self.doc["url"], self.keys(now), event.id, body_of(event), now, place
        )
        row = delivery or services.ids.new("dlv")
        final = outcome.gone or (last(attempt) and not early)
        self._record(attempted(self.doc, event, row, outcome, now, self._keep,
                               status=DELIVERED if outcome.ok else FAILED if final else RETRYING,
                               first=delivery is None, replay=self._replay))  # fmt: skip
        self._last = outcome.status
        return outcome, row

    def give_up(self, event: Recorded, delivery: str, tries: int) -> None:
        """Tell that an event was tried as often as can be."""
        self._gave_up(event, delivery, tries, self._last)

    def end(self, reason: str) -> None:
        """Tell nothing more, and have the endpoint switched off."""
        self.view = None
        self._ended(reason)


def attempted(
    doc: Document, event: Recorded, row: str, outcome: Outcome, at: datetime, keep: timedelta, *, status: str,
    first: bool, replay: str | None = None,
) -> Attempted:  # fmt: skip
    """Return an attempt as the log of deliveries keeps it."""
    attempt = {
        "at": at, "status": outcome.status, "ms": outcome.ms, "answer": outcome.answer or None,
        "error": outcome.error or None,
    }  # fmt: skip
    made = {
        "scope": doc["scope"], "endpoint": doc["_id"], "event": event.id, "type": event.type, "seq": event.seq,
        "replay": replay, "created_at": at, "expires_at": at + keep,
    }  # fmt: skip
    return Attempted(row, attempt, {"status": status, "updated_at": at}, made if first else None)


def render_delivery(doc: Document) -> dict[str, Any]:
    """Return a delivery as it is answered."""
    last = doc["attempts"][-1]
    return {
        "id": doc["_id"], "endpoint": doc["endpoint"], "event": doc["event"], "type": doc["type"], "seq": doc["seq"],
        "status": doc["status"], "replay": doc["replay"], "response_code": last["status"],
        "response_time_ms": last["ms"], "attempts": [
            {"at": iso(each["at"]), "response_code": each["status"], "response_time_ms": each["ms"],
             "answer": each["answer"], "error": each["error"]}
            for each in doc["attempts"]
        ],
        "created_at": iso(doc["created_at"]), "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip
