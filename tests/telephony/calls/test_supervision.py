"""A supervisor hears a call between an agent and a customer, whispers and barges in; each hears what they should."""

from __future__ import annotations

from tests.telephony.calls.parties import meeting, nothing_left
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ
from tests.telephony.calls.supervisor import SUPERVISOR_HZ, supervising
from tests.telephony.calls.telephone import Exchange


async def test_each_mode_is_heard_by_whom_it_says(phone: Exchange) -> None:
    async with meeting(phone) as met, supervising(phone.owner, met.id) as boss:
        agent, customer = met.agent.line, met.customer.line
        boss.speaks = 1
        await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        assert boss.heard_by == "nobody"
        assert not agent.hears(SUPERVISOR_HZ)
        assert not customer.hears(SUPERVISOR_HZ)

        assert (await boss.order("whisper"))["heard_by"] == "agent"
        await agent.until_hears(SUPERVISOR_HZ, "the agent")
        assert not customer.hears(SUPERVISOR_HZ)
        await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        await customer.until_hears(AGENT_HZ, "the customer")
        assert boss.heard_by == "agent"

        assert (await boss.order("barge"))["heard_by"] == "both"
        await customer.until_hears(SUPERVISOR_HZ, "the customer")
        await agent.until_hears(SUPERVISOR_HZ, "the agent")
        await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        assert boss.heard_by == "both"

        await boss.order("listen")
        await customer.until_not(SUPERVISOR_HZ, "the customer")
        await agent.until_not(SUPERVISOR_HZ, "the agent")
        await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        await boss.order("end")
        assert await boss.over() == "left"
        await met.together()
        story = [event for event in await phone.events(met.id) if event["type"].startswith("call.supervision_")]
        assert [(event["type"].rpartition("_")[2], event["data"]["heard_by"]) for event in story] == [
            ("started", "nobody"), ("changed", "agent"), ("changed", "both"), ("changed", "nobody"),
            ("ended", "nobody"),
        ]  # fmt: skip
        assert {event["actor"]["id"] for event in story} == {story[0]["actor"]["id"]}
    await nothing_left(phone)
