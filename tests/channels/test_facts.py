"""What webhooks tell, written down and read again."""

from __future__ import annotations

from dataclasses import fields

from jinaconnect.channels.facts import Status
from jinaconnect.core.clock import system_clock
from jinaconnect.core.inbox.status import Report


def test_a_report_that_is_kept_is_read_again_whole() -> None:
    report = Report("FAILED", system_clock(), "651", "It is too early.", early=True)
    fact = Status("12", "id", "msg_1", report, {"billable": False, "category": "UTILITY"}, "of the network")
    for value in (report, fact):
        left = [each.name for each in fields(value) if getattr(value, each.name) == each.default]
        assert left == [], "a field at its default shows nothing"
    assert Status.of_row(fact.row()) == fact
