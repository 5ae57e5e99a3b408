"""Whom an account may still write to today, while a broadcast is sent: the others wait, and it says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.broadcasts.lifecycle import Run
from jinaconnect.actions.context import Context
from jinaconnect.actions.messaging.daily import LOOKED_AT_AGAIN, Day, day_of, reached
from jinaconnect.channels.base import Account
from jinaconnect.core.broadcasts.quota import TIERS, WINDOW
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.inbox.window import window_open
from jinaconnect.store.databases.mongo import Document

TIER = "account.tier"  # the rule that those wait for who would be one too many
TIER_LOOKED_AT_AGAIN = timedelta(hours=1)
SOONEST = timedelta(minutes=1)


class Allowed:
    """What is left of an account's day and of its carrier's tier, for one slice of a broadcast."""

    def __init__(
        self, ctx: Context, account: Account, platform: str, day: Day, people: dict[str, datetime] | None
    ) -> None:
        self._ctx = ctx
        self._account = account
        self._platform = platform
        self._day = day
        self._people = people

    @classmethod
    async def of(cls, ctx: Context, account: Account, platform: str) -> Allowed:
        """Return what is left now; whom an account has written to lately is read where it has a tier."""
        tiered = PLATFORMS[platform].window is not None and account.tier in TIERS
        people = await reached(ctx, account.id) if tiered else None
        return cls(ctx, account, platform, await day_of(ctx, ctx.now()), people)

    def fate(self, contact: Document, run: Run) -> dict[str, Any] | None:
        """Return the fields of a recipient who waits since the tier is used up, None for one who need not."""
        people, now = self._people, self._ctx.now()
        if people is None or contact["_id"] in people or window_open(contact, self._platform, now):
            return None
        tier = TIERS[self._account.tier]
        if len(people) < tier:
            people[contact["_id"]] = now
            return None
        frees = min(people.values()) + WINDOW
        run.full = (
            f"The {tier} people whom the carrier lets the account write to first in 24 hours are written to; the "
            "others follow as it takes more."
        )  # fmt: skip
        at = max(now + SOONEST, min(frees, now + TIER_LOOKED_AT_AGAIN))
        return {"at": at, "error_code": TIER, "response": "", "updated_at": now}

    async def some_of(self, rows: Sequence[Document], run: Run) -> list[Document]:
        """Return the recipients whom there is room for today; where that is not all, the slice ends with them."""
        if not rows:
            return []
        account = self._account
        count = await self._ctx.services.allowances.take(account.id, self._day.name, len(rows), account.daily_limit)
        if count < len(rows):
            run.full_until = min(self._day.ends, self._ctx.now() + LOOKED_AT_AGAIN)
            run.full = (
                f"The {account.daily_limit} messages that the account may send in a day are sent; it goes on at "
                f"midnight ({self._day.zone})."
            )  # fmt: skip
        return list(rows[:count])

    async def give_back(self, count: int) -> None:
        """Give back the places of recipients who were not sent to."""
        await self._ctx.services.allowances.give_back(self._account.id, self._day.name, count)
