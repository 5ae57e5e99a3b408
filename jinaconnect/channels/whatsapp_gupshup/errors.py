"""Gupshup's own codes of failures as data, in words; longer ones are Meta's and say themselves what they mean.

Source: Gupshup's published list of error codes.
"""

from __future__ import annotations

OPTED_OUT = 1012
WORDS = {
    1002: "The number is not on WhatsApp.",
    1003: "The balance at Gupshup is too low: the account's owner must recharge it.",
    1004: "The customer has not written within 24 hours, and the app may not send templates.",
    1005: "The customer has not written within 24 hours, and the text is no approved template.",
    1006: "The customer has not agreed to messages of this template.",
    1007: "The customer has neither written nor agreed to messages.",
    1008: "The customer has not agreed to messages and has not written within 24 hours.",
    1009: "Gupshup misses something that it needs.",
    1010: "Gupshup cannot fetch the file: its address is not a valid one.",
    1011: "The file is too large.",
    1012: "The customer wants no messages.",
    4001: "Gupshup has stopped the app: its owner must ask there.",
    4002: "WhatsApp gave Gupshup no valid answer.",
    4003: "The text is no approved template.",
    4004: "This kind of message needs a number that Meta itself hosts.",
    4005: "The template is paused.",
}
