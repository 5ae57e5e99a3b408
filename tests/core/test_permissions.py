"""A role as it is stored, when the catalogue has grown since."""

from __future__ import annotations

from jinaconnect.core.permissions import granted, held


def test_a_later_permission_is_held_by_the_system_roles_that_begin_with_it() -> None:
    stored = dict.fromkeys(granted("admin") - {"voice.supervise"}, True)
    assert held("admin", stored, system=True) == granted("admin")
    assert "voice.supervise" not in held("admin", stored, system=False)
    assert "voice.supervise" not in held("agent", {"inbox.view": True}, system=True)


def test_what_was_taken_away_stays_away() -> None:
    assert "voice.supervise" not in held("admin", {"voice.supervise": False, "voice.view": True}, system=True)
