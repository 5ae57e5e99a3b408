"""Twilio's error codes: which of them pass by themselves, and what they say to whoever can act on them.

Source: Twilio's published error and warning dictionary.
"""

from __future__ import annotations

import re

OPTED_OUT = 21610
AUTH = frozenset({20003, 20005, 20404})
BUSY = frozenset({14107, 20429})  # too much at once
EARLY = frozenset({30047, 30610})  # outside the hours that the law of the recipient's place allows
PASSING = frozenset({20500, 20503, 21611})  # something of Twilio's broke, or its queue is full
# What refuses a send for good, even with a 5xx; codes from 30000 on tell what became of a message that was taken.
PERMANENT = AUTH | {21211, 21212, 21408, 21602, 21606, 21608, 21609, 21610, 21612, 21614, 21617, 21703}

WORDS: dict[int, str] = {
    20003: "Twilio does not know these credentials: the operator must give the account SID and its auth token anew.",
    20005: "The Twilio account is not active: its owner must see to it at Twilio.",
    20404: "Twilio has no such account: the operator must look at the account SID.",
    20429: "Too many requests at once for this Twilio account.",
    14107: "Messages are sent faster than this sender may.",
    21211: "The number is not a valid one.",
    21212: "The sender is not a valid number or name: the operator must look at the account's sender_id.",
    21408: "The Twilio account may not send to this country: its owner must allow it in Twilio's geo permissions.",
    21602: "There is neither text nor a file.",
    21606: "The sender is not one of this Twilio account's, or cannot send SMS.",
    21608: "A trial account of Twilio's sends to numbers only that were verified there.",
    21609: "Twilio cannot reach the address for reports: the operator must set http.public_url to a public one.",
    21610: "The customer has opted out by answering STOP.",
    21611: "The sender's queue at Twilio is full.",
    21612: "The sender cannot reach this number.",
    21614: "The number is not a mobile one.",
    21617: "The text is longer than 1,600 characters.",
    21703: "The messaging service has no sender that can reach this number.",
    30001: "Twilio's queue for this sender ran over.",
    30002: "The Twilio account is suspended: its owner must see to it at Twilio.",
    30003: "The telephone cannot be reached: it is off or has no signal.",
    30004: "The message was blocked: the customer may have blocked the sender.",
    30005: "The number is not known, or no longer in use.",
    30006: "A landline, or a carrier that cannot be reached, takes no SMS.",
    30007: "The carrier filtered the message as unwanted.",
    30008: "The carrier did not say why.",
    30010: "The message costs more than the price it was limited to.",
    30047: "Twilio could not put it off to the hours that the law of the recipient's place allows.",
    30610: "It is outside the hours that the law of the recipient's place allows.",
    30032: "The toll-free number is not verified: the account's owner must verify it at Twilio.",
    30034: "The sender is not registered for messages to the US: the account's owner must register it (A2P 10DLC).",
    30036: "It could not be delivered while it was valid.",
}  # fmt: skip


def words(code: int | str | None, otherwise: str | None) -> str | None:
    """Return what a code says, else the carrier's own text."""
    known = WORDS.get(int(code)) if code is not None and re.fullmatch("[0-9]{1,9}", str(code)) else None
    return known or otherwise
