"""MSG91's answers and statuses as data: which pass by themselves, what they are to us, and in words.

Source: MSG91's help pages.
"""

from __future__ import annotations

from jinaconnect.core.inbox import status

AUTH = frozenset({"201", "207", "302", "418"})
PASSING = frozenset({"601"})
# What an answer says where it has no code.
SAID = {
    "authentication": "207", "authkey": "207", "whitelist": "418", "mobile": "202", "credit": "301", "balance": "301",
    "blocked": "208", "internal": "601",
}  # fmt: skip
WORDS = {
    "201": "MSG91 does not know this auth key: the operator must give it anew.",
    "207": "MSG91 does not know this auth key: the operator must give it anew.",
    "302": "The MSG91 account is expired: its owner must see to it at MSG91.",
    "418": "MSG91 does not know the address we send from: the account's owner must put it on its white list.",
    "202": "The number is not a valid mobile number.",
    "208": "The sender is blocked: the account's owner must see to it at MSG91.",
    "310": "The sender is blocked: the account's owner must see to it at MSG91.",
    "301": "There is no credit left at MSG91: the account's owner must recharge it.",
    "601": "Something broke at MSG91.",
}
# What a report's number says; any other is decided by its words.
STATUSES: dict[str, tuple[str, str]] = {
    "1": (status.DELIVERED, ""),
    "2": (status.FAILED, "It could not be delivered."),
    "9": (status.FAILED, "The number takes no promotional messages (do not disturb)."),
    "16": (status.FAILED, "It was rejected."),
    "17": (status.FAILED, "The number is blocked."),
    "25": (status.FAILED, "It was rejected."),
}
DELIVERED, FAILED = ("DELIVERED",), ("UNDELIV", "FAIL", "REJECT", "BLOCK", "EXPIRED", "NDNC")
