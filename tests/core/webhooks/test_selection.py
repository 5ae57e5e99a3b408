"""Which events an endpoint is for."""

from __future__ import annotations

import pytest

from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.core.webhooks.selection import types_of


def test_patterns_name_types_by_themselves_by_noun_and_altogether() -> None:
    assert types_of(["message.read"]) == {"message.read"}
    assert types_of(["call.*", "message.read"]) == {
        "message.read", *(name for name in CATALOGUE if name.startswith("call."))
    }
    assert types_of(["message.read", "*"]) is None


@pytest.mark.parametrize("pattern", ["message", "message.", "messages.*", ".*", "m*", "", "message.rea*", "**"])
def test_what_fits_nothing_is_named(pattern: str) -> None:
    with pytest.raises(Invalid) as refused:
        types_of(["message.read", pattern])
    assert list(refused.value.detail) == ["events.1"]
