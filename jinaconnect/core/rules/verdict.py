"""The one verdict on a send: whether somebody may be written to or called now, later or not at all.

Single sends, broadcasts, calls and dry runs all ask here. The rows are in `hours.yaml`, dated, and in `series.yaml`,
each with its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinaconnect.core.inbox.contact import marketing_opt_out
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.rules.place import Place, place_of, place_of_number
from jinaconnect.core.rules.rows import Category, HoursRule, hours_rules, series_rules

JUST_BEFORE = timedelta(seconds=1)
LOOKED_AHEAD = timedelta(days=8)  # hours come again each week
CONTACT = "the contact"
ASKED_FOR = frozenset({"SERVICE", "AUTHENTICATION"})  # an answer, and a code somebody is waiting for


@dataclass(frozen=True, slots=True)
class Allowed:
    """It may go now."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """It may go at `until` (UTC), if nothing changes; `rule` is what holds it back now, `source` where that stands."""

    until: datetime
    rule: str
    source: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It may not go."""

    rule: str
    source: str
    reason: str


Verdict = Allowed | Deferred | Refused


def verdict(
    contact: Mapping[str, Any], category: Category, channel: str, now: datetime, own: Sequence[HoursRule] = (),
    provider: str | None = None,
) -> Verdict:  # fmt: skip
    """Return whether a message or call of a category may go to a contact over a channel at `now` (UTC).

    `own` are hours of the business itself (`own_hours`), kept like those of the law. `provider` is who carries a call,
    None where that is not settled yet.
    """
    if (refused := _refused(contact, category, channel)) is not None:
        return refused
    known = [rule for rule in _of(category, channel) if not rule.providers or provider in rule.providers]
    return _hours(place_of(contact), known, now, own) if known or own else Allowed()


def series_refusal(contact: Mapping[str, Any], category: Category, number: str) -> Refused | None:
    """Return why a contact is not called from a number of ours (E.164) for a category, None where nothing is kept to.

    A number from abroad is of no series.
    """
    country = place_of_number(number).country
    if country is None or place_of(contact).country != country:
        return None
    for rule in series_rules():
        if rule.country != country or number.startswith(rule.prefix) == (category in rule.categories):
            continue
        if number.startswith(rule.prefix) or rule.needed:
            kind = " or ".join(rule.categories)
            begins = f"{rule.prefix[:3]} {rule.prefix[3:]}"
            return Refused(rule.id, rule.source, f"Numbers that begin with {begins} are for calls of the kind {kind}.")
    return None


def next_hours(contact: Mapping[str, Any], channel: str, asked: datetime, now: datetime) -> datetime | None:
    """Return when to ask a carrier again that found `asked` too early or late; None where no rows have hours there.

    Meant are the hours of marketing, whatever the message is here. Where these rows did allow the hour, the carrier
    knows better: it is asked when they begin next.
    """
    place = place_of(contact)
    rules = [rule for rule in _of("MARKETING", channel) if _concerns(rule, place)]
    clocks = [(rule, ZoneInfo(zone)) for rule in rules for zone in _zones(rule, place)]

    def open_at(moment: datetime) -> bool:
        return all(rule.allows(moment.astimezone(zone)) for rule, zone in clocks)

    if clocks and not open_at(asked) and open_at(now):
        return now
    beginnings = sorted(set(_beginnings(clocks, now)))
    return next((each for each in beginnings if open_at(each) and not open_at(each - JUST_BEFORE)), None)


def _refused(contact: Mapping[str, Any], category: Category, channel: str) -> Refused | None:
    """Return why a contact takes no message of a category; what they asked for themselves still goes."""
    if channel in (contact.get("opt_outs") or {}) and PLATFORMS[channel].stops_all:
        return Refused("contact.opt_out", CONTACT, f"The contact has opted out of {channel}.")
    if category in ASKED_FOR:
        return None
    if contact.get("dnc"):
        return Refused("contact.dnc", CONTACT, "The contact is not to be contacted.")
    stopped = contact.get("opt_outs") or {}
    if channel in stopped:
        return Refused("contact.opt_out", CONTACT, f"The contact has opted out of {channel}.")
    if category == "MARKETING" and marketing_opt_out(channel) in stopped:
        return Refused("contact.opt_out_marketing", CONTACT, "The contact has stopped marketing messages.")
    return None


@cache
def _of(category: Category, channel: str) -> tuple[HoursRule, ...]:
    """Return the rows for a category on a channel, wherever it goes: mostly none, and nobody's place matters."""
    return tuple(rule for rule in hours_rules() if channel in rule.channels and category in rule.categories)


def _hours(place: Place, known: Sequence[HoursRule], now: datetime, own: Sequence[HoursRule]) -> Verdict:
    rules = [rule for rule in known if _concerns(rule, place)] + list(own)
    if not rules:
        return Allowed()
    clocks = [(rule, ZoneInfo(zone)) for rule in rules for zone in _zones(rule, place)]
    broken = next((rule for rule, zone in clocks if not rule.allows(now.astimezone(zone))), None)
    if broken is None:
        return Allowed()
    for moment in sorted(set(_beginnings(clocks, now))):
        if all(rule.allows(moment.astimezone(zone)) for rule, zone in clocks):
            return Deferred(moment, broken.id, broken.source)
    return Refused(broken.id, broken.source, "There is no hour that all the rules allow.")


def _concerns(rule: HoursRule, place: Place) -> bool:
    return rule.country == place.country and (not rule.states or place.state in rule.states)


def _zones(rule: HoursRule, place: Place) -> tuple[str, ...]:
    return (rule.zone,) if rule.zone is not None else place.zones or ("UTC",)


def _beginnings(clocks: Sequence[tuple[HoursRule, ZoneInfo]], now: datetime) -> Iterator[datetime]:
    """Yield when hours begin after `now`, and the midnights on which a row may come into force or end.

    What all rules allow begins where one of them begins. A time that the change to summer time leaves out falls as
    much later as the clocks jump.
    """
    for rule, zone in clocks:
        today = now.astimezone(zone).date()
        for days in range(LOOKED_AHEAD.days + 1):
            day = today + timedelta(days=days)
            for start in {time(0), *(hours.start for hours in rule.hours)}:
                moment = datetime.combine(day, start, zone).astimezone(UTC)
                if moment > now:
                    yield moment
