"""What an agent's own prices do: they are what its messages cost, and those alone see them who see prices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.rcs_google.conftest import Agent
from tests.client import until
from tests.handlers.billing.test_ledger import wallet_with

ANN = "+12025550165"
CARD = {"title": "In blue", "suggestions": [{"type": "reply", "text": "I take it", "postback_data": "blue"}]}


async def prices(agent: Agent, **fields: float) -> dict[str, Any]:
    changed: dict[str, Any] = (await agent.tenant().patch(f"/rcs/v1/apps/{agent.id}/", fields)).ok()
    return changed


@pytest.mark.parametrize(
    ("given", "text", "card"),
    [
        ({"price_per_message": 0.01, "price_per_rich_message": 0.04}, 0.01, 0.04),
        ({"price_per_message": 0.02}, 0.02, 0.02),
        ({"price_per_message": 0.02, "price_per_rich_message": 0}, 0.02, 0.02),
    ],
)
async def test_an_agents_own_prices_are_what_its_messages_cost(
    agent: Agent, given: dict[str, float], text: float, card: float
) -> None:
    await wallet_with(agent.gateway.services, agent.gateway.services.store.of(agent.tenant.id, "live").scope, 10)
    shown = await prices(agent, **given)
    assert {name: shown[name] for name in given} == given
    for fields, price in (({"text": "We have it."}, text), ({"rich_card": CARD}, card)):
        asked = await agent.tenant().post("/rcs/v1/messages/?dry_run=true", {"phone": ANN, **fields})
        assert (asked.ok()["price"]["amount"], asked.ok()["price"]["source"]) == (price, "the account's own price")
        message = await agent.sends(ANN, **fields)
        assert (await agent.became(message, "SENT"))["cost"] == price

    async def paid() -> bool:
        wallet = (await agent.tenant().get("/tenants/host-wallet/")).ok()
        return bool(wallet["balance"] == round(10 - text - card, 6) and wallet["reserved"] == 0)

    await until(paid)


async def test_prices_are_for_those_who_see_prices(agent: Agent) -> None:
    await prices(agent, price_per_message=0.01)
    path = f"/rcs/v1/apps/{agent.id}/"
    assert (await agent.tenant("admin").get(path)).ok()["price_per_message"] == 0.01
    assert (await agent.tenant("admin").get(path)).ok()["price_per_rich_message"] == 0
    for role in ("manager", "agent", "viewer"):
        assert "price_per_message" not in (await agent.tenant(role).get(path)).ok(), role
    refused = (await agent.tenant().patch(path, {"price_per_message": -1})).refused(400, "validation_error")
    assert "price_per_message" in refused


async def test_a_message_shows_its_suggestions_and_where_it_stands_in_the_inbox(agent: Agent) -> None:
    suggested = [{"type": "reply", "text": "Yes, please", "postback_data": "yes"}]
    message = await agent.sends(ANN, text="We have it.", suggestions=suggested)
    shown = await agent.became(message, "SENT")
    assert [each["text"] for each in shown["suggestions"]] == ["Yes, please"]
    assert (shown["inbox_message"], shown["broadcast_message"], shown["cost"]) == (message, None, None)
    assert (await agent.tenant().get(f"/team-inbox/api/messages/{message}/")).ok()["id"] == message
