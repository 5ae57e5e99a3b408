"""Words by which a customer stops messages, wants them again, or asks for help: a message that says nothing else.

Source: 47 CFR 64.1200(a)(10) (stop, quit, end, revoke, opt out, cancel, unsubscribe) and the carriers' own lists.
"""

from __future__ import annotations

import unicodedata

STOP, START, HELP = "STOP", "START", "HELP"

WORDS: dict[str, tuple[str, ...]] = {
    STOP: (
        "stop", "stopall", "stop all", "quit", "end", "revoke", "opt out", "optout", "cancel", "unsubscribe",
        "stopp", "abmelden", "abbestellen",  # German
        "arrêt", "arret", "désabonner", "desabonner",  # French
        "parar", "alto", "cancelar", "baja",  # Spanish, Portuguese
        "annulla", "disiscrivi",  # Italian
        "बंद", "रोकें",  # Hindi
    ),
    START: ("start", "unstop"),
    HELP: ("help", "info"),
}  # fmt: skip
_MEANING = {word: meaning for meaning, words in WORDS.items() for word in words}

ANSWERS = {
    STOP: "{name}: You are unsubscribed and will get no more messages. Reply START to get them again.",
    START: "{name}: You will get our messages again. Reply STOP to unsubscribe, HELP for help.",
    HELP: "{name}: Reply to this message to write to us, or STOP to get no more messages.",
}


def keyword(text: str) -> str | None:
    """Return what a message means whose only words these are, whatever its case, spaces and punctuation."""
    bare = "".join(char if unicodedata.category(char)[0] not in "PSC" else " " for char in text)
    return _MEANING.get(" ".join(unicodedata.normalize("NFC", bare).casefold().split()))
