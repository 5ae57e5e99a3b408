"""How Telegram's chats and messages are named here.

A message's number is unique only inside its chat, and a private chat only towards one bot: two bots of a tenant have
the same chat with the same person, each with numbers of its own. So the account stands in the name as well.
"""

from __future__ import annotations

from jinaconnect.core.inbox.address import Address

CHAT = "telegram_chat_id"


def chat_address(chat: int) -> Address:
    """Return the address of a chat: a person's, or a group's, which is negative."""
    return Address(CHAT, chat)


def is_group(address: Address) -> bool:
    """Tell whether a chat is a group or a channel."""
    return isinstance(address.value, int) and address.value < 0


def carrier_id(account: str, chat: int, message: int) -> str:
    """Return the name of a message of an account of ours."""
    return f"{chat}:{message}:{account}"


def provider_id(carrier_id: str | None) -> str | None:
    """Return the part of a message's name that Telegram knows, `chat:message`; None without one."""
    parts = (carrier_id or "").split(":")
    return ":".join(parts[:2]) if len(parts) == 3 else None


def message_number(carrier_id: str) -> int:
    """Return the number of a message in its chat; raises ValueError for what names none."""
    return int(carrier_id.split(":")[1])
