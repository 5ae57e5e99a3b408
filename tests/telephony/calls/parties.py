"""An agent and a customer on real telephones, connected by the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.telephony.calls.phone import Phone, Talk, telephone
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ
from tests.telephony.calls.telephone import Exchange

CUSTOMER = "+12025550177"


@dataclass
class Meeting:
    """A call between two people; each speaks a tone of their own."""

    phone: Exchange
    id: str
    agent: Talk
    customer: Talk
    agents: Phone
    customers: Phone

    async def order(self, action: str, **body: Any) -> dict[str, Any]:
        """Order something that is done."""
        return dict((await self.phone.order(self.id, action, **body)).ok())

    async def refused(self, action: str, **body: Any) -> None:
        """Order something the call cannot do now; it must not be changed by that."""
        before = await self._types()
        (await self.phone.order(self.id, action, **body)).refused(409, "invalid_state")
        after = await self._types()
        assert after == before, (before, after)

    async def _types(self) -> list[str]:
        """Return the types of the call's events, without those of files that are fetched beside it."""
        return [type for type in await self.phone.types(self.id) if not type.startswith("recording.")]

    async def together(self) -> None:
        """Wait until the two hear each other."""
        await self.agent.line.until_hears(CUSTOMER_HZ, "the agent")
        await self.customer.line.until_hears(AGENT_HZ, "the customer")

    async def told(self, type: str) -> list[dict[str, Any]]:
        """Return the call's events of a type."""
        return [event for event in await self.phone.events(self.id) if event["type"] == type]

    async def wait_told(self, type: str, times: int = 1, deadline_s: float = 10) -> list[dict[str, Any]]:
        """Wait for events of a type."""
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_s
        while len(found := await self.told(type)) < times:
            if loop.time() > end:
                pytest.fail(f"{times} {type}: not within {deadline_s:g} s; {await self.phone.story(self.id)}")
            await asyncio.sleep(0.03)
        return found


@asynccontextmanager
async def meeting(phone: Exchange, **body: Any) -> AsyncIterator[Meeting]:
    """Have an agent placed in a call with a customer: the agent's telephone first, then the customer's."""
    async with AsyncExitStack() as stack:
        agents = await stack.enter_async_context(telephone())
        customers = await stack.enter_async_context(telephone(ip=phone.more["carrier"]))
        call = await phone.place(CUSTOMER, device=agents.uri, **body)
        agent = await agents.talking()
        customer = await customers.talking()
        agent.line.say(AGENT_HZ)
        customer.line.say(CUSTOMER_HZ)
        met = Meeting(phone, call, agent, customer, agents, customers)
        await phone.until(call, lambda each: each["status"] == "IN_PROGRESS", "the call being answered")
        await met.together()
        yield met


async def nothing_left(phone: Exchange) -> None:
    """Wait until Asterisk has no channel and no room any more."""
    client = phone.gateway.fleet.switch("main").client
    loop = asyncio.get_running_loop()
    end = loop.time() + 10
    while True:
        shown = await phone.asterisk.cli("core show channels count")
        rooms = [each.id for each in await client.bridges.list()]
        if "0 active channels" in shown and not rooms:
            return
        assert loop.time() < end, (shown, rooms)
        await asyncio.sleep(0.1)
