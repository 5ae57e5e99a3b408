"""What a client knows that has made every event its state: the latest of each message, contact and conversation.

An event's data is its subject as it is right afterwards; a conversation's carries its contact along, and the messages
that were read with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOUNS = ("message", "contact")
_READ = ("read_at", "read_by_id", "read_by_name")
READ_MARKS = ("is_read", *_READ)


class Fold:
    """The state so far; `gone` are the ids of what was deleted or merged into another."""

    def __init__(self) -> None:
        self.state: dict[str, dict[str, dict[str, Any]]] = {noun: {} for noun in NOUNS}
        self.gone: set[str] = set()

    def add(self, event: Mapping[str, Any]) -> None:
        """Take one event in the order of the log."""
        noun, id = event["subject"]["type"], event["subject"]["id"]
        data = dict(event["data"])
        contact = data.pop("contact_detail", None)
        if contact is not None:
            self.state["contact"][contact["id"]] = contact
        if noun == "conversation":
            read = {name: data[name] for name in _READ if name in data}
            for message in data.get("message_ids", ()):
                if message in self.state["message"]:
                    self.state["message"][message].update(is_read=True, **read)
            for message in data.get("unread_message_ids", ()):
                if message in self.state["message"]:
                    self.state["message"][message].update(is_read=False, **dict.fromkeys(_READ))
        if noun not in NOUNS:
            return
        if event["type"].endswith((".deleted", ".merged")):
            self.gone.add(id)
        before = self.state[noun].get(id)
        if noun == "message" and before is not None and event["type"] != "message.received":
            data.update({name: before[name] for name in READ_MARKS})  # read marks come with the conversation
            if data["message_id"] is None:  # its number is that of its first event, and may be written after this one
                data["message_id"] = before["message_id"]
        self.state[noun][id] = data
