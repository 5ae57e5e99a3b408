"""What RCS agents have of their own, and what a message by one costs: whole numbers of a millionth of the currency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRICES = ("price_per_message", "price_per_rich_message")
AGENT_FIELDS = ("agent_id", "agent_name", "sms_fallback_enabled", "sms_fallback_app", *PRICES)
PLAIN = "TEXT"


def price(agent: Mapping[str, Any], kind: str) -> int | None:
    """Return what a message of a kind costs, None where the agent says no price; a rich one is a text at the least."""
    plain: int | None = agent.get("price_per_message")
    rich: int | None = agent.get("price_per_rich_message")
    return (plain if kind == PLAIN else rich or plain) or None
