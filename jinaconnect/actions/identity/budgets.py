"""The request budgets of tenants, principals and addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from jinaconnect.core.errors import NotAuthenticated, Throttled
from jinaconnect.core.principal import Principal
from jinaconnect.store.coordination.limits import Budget, Limits, Verdict

MINUTE, HOUR, DAY = 60, 3600, 86_400
LOCKED_OUT = 3  # times the login budget of a minute, for one account from one address in an hour
FROM_ANYWHERE = 3  # times the login budget, for one account from all addresses together
HANDSHAKES_PER_MINUTE = 6_000  # from one address
LINKS_PER_MINUTE = 300  # followed from one address
FOR_ANYBODY = 20  # times the login budget, for all accounts from one address
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Budgets:
    """The defaults; a tenant's `limits` may name its own."""

    tenant_per_minute: int = 600
    tenant_per_day: int = 100_000
    writes_per_minute: int = 120
    anonymous_per_minute: int = 600
    logins_per_minute: int = 10
    letters_per_hour: int = 5


class RateGate:
    """Counts requests against every budget they fall under."""

    def __init__(self, limits: Limits, budgets: Budgets) -> None:
        self._limits = limits
        self.budgets = budgets

    async def check(
        self, principal: Principal | None, ip: str, write: bool, plan: Mapping[str, int], *, order: bool = False
    ) -> Verdict:
        """Count one request, if every budget it falls under allows it, and return the verdict of the tightest.

        An `order` to a live call has as much again for itself: no reading starves a hang-up.
        """
        limits = self.budgets
        if principal is None:
            return await self._limits.take(Budget(f"ip:{place(ip)}", limits.anonymous_per_minute, MINUTE))
        scope, one = principal.scope, f"{principal.scope}:{principal.id}"
        minute = plan.get("per_minute", limits.tenant_per_minute)
        if order:
            return await self._limits.take(
                Budget(f"o:{one}", _share(minute), MINUTE), Budget(f"o:{scope}", minute, MINUTE)
            )
        day = plan.get("per_day", limits.tenant_per_day)
        budgets = [
            Budget(f"t:{scope}", minute, MINUTE),
            Budget(f"t:{one}", _share(day), DAY),
            Budget(f"t:{scope}", day, DAY),
        ]
        if write:
            budgets.append(Budget(f"w:{one}", plan.get("writes_per_minute", limits.writes_per_minute), MINUTE))
        return await self._limits.take(*budgets)

    async def spend(self, principal: Principal | None, ip: str, *, write: bool, order: bool = False) -> None:
        """Count one request; raises Throttled where a budget is used up."""
        plan = dict(principal.limits) if principal else {}
        verdict = await self.check(principal, ip, write, plan, order=order)
        if not verdict.allowed:
            raise Throttled("Too many requests.", retry_after=max(1.0, verdict.reset_s))

    async def guarded(self, attempt: Awaitable[T], ip: str) -> T:
        """Await an authentication; one that fails is a guess and counts against the address. Raises Throttled too."""
        try:
            return await attempt
        except NotAuthenticated:
            await self.spend(None, ip, write=False)
            raise

    async def handshake(self, ip: str) -> Verdict:
        """Count a socket that is being opened from an address."""
        return await self._limits.take(Budget(f"ws:{place(ip)}", HANDSHAKES_PER_MINUTE, MINUTE))

    async def letter(self, ip: str, address: str) -> Verdict:
        """Count a letter that somebody at an IP address asks for to a mail address."""
        allowed, asked_by = self.budgets.letters_per_hour, place(ip)
        return await self._limits.take(
            Budget(f"letters-to:{address.lower()[:254]}", allowed, HOUR),
            Budget(f"letters-by:{asked_by}", allowed * FOR_ANYBODY, HOUR),
        )

    async def follow(self, ip: str) -> None:
        """Count a link that is followed from an address; raises Throttled."""
        verdict = await self._limits.take(Budget(f"link:{place(ip)}", LINKS_PER_MINUTE, MINUTE))
        if not verdict.allowed:
            raise Throttled("Too many links were followed from here.", retry_after=max(1.0, verdict.reset_s))

    async def login(self, ip: str, name: str) -> Verdict:
        """Count a login attempt for an account from an address.

        The account has a wider budget over all addresses and the address one over all accounts, so that neither many
        addresses nor many names help in guessing. Who goes on for some minutes is locked out for the rest of the hour.
        """
        allowed, account, address = self.budgets.logins_per_minute, name.lower()[:254], place(ip)
        return await self._limits.take(
            Budget(f"login:{address}:{account}", allowed, MINUTE),
            Budget(f"login:{address}:{account}", allowed * LOCKED_OUT, HOUR),
            Budget(f"login-account:{account}", allowed * FROM_ANYWHERE, MINUTE),
            Budget(f"login-address:{address}", allowed * FOR_ANYBODY, MINUTE),
        )


def place(ip: str) -> str:
    """Return what budgets count as one address: of IPv6 the /64, for whoever has one address there has all."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if address.version == 4:
        return ip
    return str(ipaddress.ip_network((address, 64), strict=False).network_address) + "/64"


def _share(budget: int) -> int:
    """Return how much of a tenant's budget one principal may use: nine tenths, so that others are never locked out."""
    return -(-budget * 9 // 10)
