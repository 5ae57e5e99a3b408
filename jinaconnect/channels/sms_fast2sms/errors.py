"""Fast2SMS's answers and statuses as data: which pass by themselves, what they are to us, and in words.

Source: Fast2SMS's published list of error codes. They are numbers of its own, not HTTP's.
"""

from __future__ import annotations

from jinaconnect.core.inbox import status

AUTH = frozenset({409, 412, 413, 414, 415})
REPEATED = 995  # the same number was written to again and again
REPEATED_WAIT_S = 300.0
WORDS = {
    401: "There is no sender.", 402: "There is no text.", 403: "There is no route.", 404: "There is no language.",
    405: "There is no number.",
    406: "The sender is not one of this account's.", 407: "The text has words that are not allowed.",
    408: "The route is not a valid one.",
    409: "The account may not use this route: its owner must see to it at Fast2SMS.",
    410: "The language is not a valid one.", 411: "The number is not a valid one.",
    412: "Fast2SMS does not know this API key: the operator must give it anew.",
    413: "The API key is switched off: the account's owner must see to it at Fast2SMS.",
    414: "The address we send from is blocked: the account's owner must allow it at Fast2SMS.",
    415: "The Fast2SMS account is switched off: its owner must see to it.",
    416: "The balance at Fast2SMS is too low: the account's owner must recharge it.",
    417: "The text needs the language unicode.", 424: "The message id is not one of this account's.",
    425: "The template is not one of this account's.", 426: "A value has a link in it.",
    500: "The template or the sender is on the operators' black list: the business must settle it.",
    990: "The address of the API is an old one.", 995: "The same number was written to again and again.",
    996: "The account's owner has not been identified (KYC), which this route needs.",
    997: "Values of this route must be numbers.", 998: "This route is not for messages to many.",
    999: "The account has not made its first payment.",
}  # fmt: skip
STATUSES = {
    "sent": status.SENT, "submitted": status.SENT, "pending": status.SENT, "delivered": status.DELIVERED,
    "failed": status.FAILED, "rejected": status.FAILED, "undelivered": status.FAILED, "dnd": status.FAILED,
    "blocked": status.FAILED, "expired": status.FAILED,
}  # fmt: skip
