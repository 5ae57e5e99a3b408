"""The request budgets of tenants, principals and addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from jinaconnect.core.errors import NotAuthenticated, Throttled
from jinaconnect.core.principal import Principal
from jinaconnect.store.limits import Limits, Verdict

MINUTE, DAY = 60, 86_400
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Budgets:
    """The defaults; a tenant's `limits` may name its own."""

    tenant_per_minute: int = 600
    tenant_per_day: int = 100_000
    writes_per_minute: int = 120
    anonymous_per_minute: int = 600
    logins_per_minute: int = 10


class RateGate:
    """Counts requests against every budget they fall under."""

    def __init__(self, limits: Limits, budgets: Budgets) -> None:
        self._limits = limits
        self.budgets = budgets

    async def check(self, principal: Principal | None, ip: str, write: bool, plan: Mapping[str, int]) -> Verdict:
        """Count one request and return the verdict of the tightest budget."""
        if principal is None:
            return await self._limits.take(f"ip:{ip}", self.budgets.anonymous_per_minute, MINUTE)
        limits = self.budgets
        scope = principal.scope
        verdicts = [
            await self._limits.take(f"t:{scope}", plan.get("per_minute", limits.tenant_per_minute), MINUTE),
            await self._limits.take(f"t:{scope}", plan.get("per_day", limits.tenant_per_day), DAY),
        ]
        if write:
            allowed = plan.get("writes_per_minute", limits.writes_per_minute)
            verdicts.append(await self._limits.take(f"w:{scope}:{principal.id}", allowed, MINUTE))
        refused = [verdict for verdict in verdicts if not verdict.allowed]
        if refused:
            return max(refused, key=lambda verdict: verdict.reset_s)
        return min(verdicts, key=lambda verdict: verdict.remaining)

    async def spend(self, principal: Principal | None, ip: str, *, write: bool) -> None:
        """Count one request; raises Throttled where a budget is used up."""
        verdict = await self.check(principal, ip, write, dict(principal.limits) if principal else {})
        if not verdict.allowed:
            raise Throttled("Too many requests.", retry_after=max(1.0, verdict.reset_s))

    async def guarded(self, attempt: Awaitable[T], ip: str) -> T:
        """Await an authentication; one that fails is a guess and counts against the address. Raises Throttled too."""
        try:
            return await attempt
        except NotAuthenticated:
            await self.spend(None, ip, write=False)
            raise

    async def login(self, ip: str, name: str) -> Verdict:
        """Count a login attempt for an account from an address."""
        return await self._limits.take(f"login:{ip}:{name.lower()[:254]}", self.budgets.logins_per_minute, MINUTE)
