"""How long a platform's window is, in the words a refusal says it in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jinaconnect.core.inbox.platform import PLATFORMS, Platform
from jinaconnect.core.inbox.window import window_text


@pytest.mark.parametrize(
    ("hours", "text"), [(24, "24 hours"), (48, "2 days"), (168, "7 days"), (36, "36 hours"), (0.5, "30 minutes")]
)
def test_a_window_is_said_in_its_largest_whole_unit(
    monkeypatch: pytest.MonkeyPatch, hours: float, text: str
) -> None:
    monkeypatch.setitem(PLATFORMS, "ANY", Platform("Any", window=timedelta(hours=hours)))
    assert window_text("ANY") == text
