"""Callers who withhold their number, as carriers say it."""

from __future__ import annotations

import pytest

from jinaconnect.core.calls.privacy import is_withheld

PLAIN = "<sip:+12025550166@carrier.example>;tag=1"


@pytest.mark.parametrize(
    "said",
    [
        {"privacy": "id"}, {"privacy": "user;id"}, {"privacy": "id;critical"}, {"privacy": "header"},
        {"privacy": "Full"}, {"privacy": "user; header ;session"},
        {"presentation": "prohib_not_screened"}, {"presentation": "prohib_passed_screen"}, {"presentation": "prohib"},
        {"sender": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1'},
        {"sender": "<sip:anonymous@carrier.example>;tag=1"}, {"sender": "sip:anonymous@anonymous.invalid;tag=1"},
        {"sender": "<sip:c8oqz84zk7z@anonymous.invalid>;tag=1"}, {"sender": "Anonymous <sip:+12025550166@c.example>"},
        {"sender": "<sip:Restricted@carrier.example>"}, {"sender": "<sips:anonymous@anonymous.invalid:5061>"},
        {"party": "<sip:+12025550166@carrier.example>;party=calling;screen=yes;privacy=full"},
        {"party": '"A" <sip:+12025550166@carrier.example>;privacy="uri,name-network";screen=no'},
        {"party": "<sip:+12025550166@carrier.example>; Privacy = Full"},
        {"number": "anonymous"}, {"number": "Restricted"},
    ],
)  # fmt: skip
def test_one_word_for_privacy_suffices(said: dict[str, str]) -> None:
    assert is_withheld(**{"number": "+12025550166", "sender": PLAIN, **said})


@pytest.mark.parametrize(
    "said",
    [
        {}, {"privacy": "none"}, {"privacy": "history"}, {"presentation": "allowed_not_screened"},
        {"party": "<sip:+12025550166@carrier.example>;privacy=off;screen=yes"},
        {"sender": '"Ann Anonymous" <sip:+12025550166@carrier.example>'}, {"sender": "<sip:unknown@carrier.example>"},
        {"sender": "<tel:+12025550166>"}, {"number": ""},
    ],
)  # fmt: skip
def test_who_says_nothing_of_it_is_shown(said: dict[str, str]) -> None:
    assert not is_withheld(**{"number": "+12025550166", "sender": PLAIN, **said})
