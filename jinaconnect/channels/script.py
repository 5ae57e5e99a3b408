"""What every simulated carrier does: the number written to decides it, whatever the channel.

Reports are jobs, so a restart loses none. A channel says what its carrier posts of each; `deliver` has them posted to
the same door the real carrier would use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from jinaconnect.channels.base import SIMULATED_JOB, Account, Parts
from jinaconnect.channels.chaos import disturbed, repeats
from jinaconnect.core.clock import Clock
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Due, due_at

STEP = timedelta(milliseconds=150)
DELAY = timedelta(seconds=10)

# Last four digits of +1 202 555 xxxx → (statuses in the order they are reported, delay of the first).
PLANS: dict[str, tuple[tuple[str, ...], timedelta]] = {
    "0111": (("sent", "delivered", "read"), STEP),
    "0112": (("sent", "delivered"), STEP),
    "0113": (("failed",), STEP),
    "0114": (("sent",), STEP),
    "0115": (("sent", "sent", "delivered", "delivered", "read", "read"), STEP),
    "0116": (("read", "delivered", "sent"), STEP),
    "0117": (("sent", "delivered"), DELAY),
    "0118": (("sent", "delivered", "read"), STEP),
    "0119": (("sent", "delivered"), STEP),
    "0120": (("sent", "delivered"), STEP),
}
OTHERS = (("sent", "delivered"), STEP)
ANSWERS, BUSY, SILENT = "0118", "0119", "0120"
REFUSALS = 2  # that a busy carrier answers before it takes a message
_PREFIX = "1202555"


def ending(number: str) -> str:
    """Return the last four digits of one of the numbers that decide something, empty for any other."""
    digits = number.lstrip("+")
    return digits.removeprefix(_PREFIX) if digits.startswith(_PREFIX) else ""


class Script:
    """Plans what a simulated carrier reports."""

    def __init__(self, due: Due, clock: Clock, planned: Callable[[Document], None], *, chaos: bool) -> None:
        self._due = due
        self._chaos = chaos
        self._clock = clock
        self._planned = planned
        self._tries: dict[str, int] = {}

    @classmethod
    def of(cls, parts: Parts) -> Script:
        """Return the script of a channel's simulated carrier."""
        return cls(parts.due, parts.clock, parts.planned, chaos=parts.chaos)

    def busy(self, number: str, reference: str) -> bool:
        """Tell whether the carrier is too busy for a message now: it is for two tries of one number."""
        if ending(number) != BUSY:
            return False
        self._tries[reference] = self._tries.get(reference, 0) + 1
        if self._tries[reference] <= REFUSALS:
            return True
        del self._tries[reference]
        return False

    async def deliver(
        self, account: Account, number: str, id: str, report: Callable[[str, datetime], Mapping[str, Any] | None],
        answer: Callable[[datetime], Mapping[str, Any]],
    ) -> None:  # fmt: skip
        """Plan the reports on a message that the carrier has taken as `id`, and the customer's answer where one comes.

        `report` returns the job's data of a status at a time, None for one that this carrier does not report.
        """
        statuses, delay = PLANS.get(ending(number), OTHERS)
        if self._chaos or account.chaos:
            await self._disturbed(account, id, statuses, delay, report, answer if ending(number) == ANSWERS else None)
            return
        jobs, at = [], self._clock() + delay
        for place, status in enumerate(statuses):
            if (data := report(status, at)) is not None:
                jobs.append(_job(account, f"{id}:{place}", data, at))
            at += STEP
        if ending(number) == ANSWERS:
            jobs.append(_job(account, f"{id}:reply", answer(at), at))
        for before, after in reversed(list(pairwise(jobs))):
            before["data"]["then"] = after  # stored once the one before was posted: their order is kept, however late
        await self._plan(jobs[:1])

    async def _disturbed(
        self, account: Account, id: str, statuses: tuple[str, ...], delay: timedelta,
        report: Callable[[str, datetime], Mapping[str, Any] | None],
        answer: Callable[[datetime], Mapping[str, Any]] | None,
    ) -> None:  # fmt: skip
        """Plan the same in chaos: each report by itself, some more than once, some never."""
        begins = self._clock() + delay
        jobs = []
        for posting in disturbed(id, statuses):
            happened = begins + posting.place * STEP  # whenever it is told
            told = report(statuses[posting.place], happened)
            if told is not None:
                jobs.append(_job(account, f"{id}:{posting.place}:{posting.copy}", told, begins + posting.after))
        if answer is not None:
            said = answer(begins + len(statuses) * STEP)
            times = [begins + copy * STEP for copy in range(repeats(id))]
            jobs += [_job(account, f"{id}:reply:{copy}", said, at) for copy, at in enumerate(times)]
        await self._plan(jobs)

    async def _plan(self, jobs: list[Document]) -> None:
        if jobs:
            await self._due.add("jobs", jobs)
        for job in jobs:
            self._planned(job)


def _job(account: Account, id: str, data: Mapping[str, Any], at: datetime) -> Document:
    return {
        "_id": f"job_sim_{id}", "scope": account.scope, "kind": SIMULATED_JOB, "due": due_at(at),
        "data": {"account": account.id, **data},
    }  # fmt: skip
