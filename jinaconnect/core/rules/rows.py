"""The dated rows that rules of sending are made of, read from the data files beside this module."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from jinaconnect.core.inbox.platform import PlatformName

Category = Literal["MARKETING", "SERVICE_EXPLICIT", "UTILITY", "AUTHENTICATION", "SERVICE"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _zone(name: str | None) -> str | None:
    if name is not None:
        ZoneInfo(name)  # raises where there is none
    return name


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hours(_Row):
    """From `start` (within) to `end` (without; None, to the end of the day) on each of some days."""

    days: tuple[Day, ...] = DAYS
    start: time
    end: time | None

    def holds(self, local: datetime) -> bool:
        """Tell whether a local time lies within."""
        now = local.time()
        return DAYS[local.weekday()] in self.days and self.start <= now and (self.end is None or now < self.end)


class HoursRule(_Row):
    """Hours for people of a country or of some of its states; `source` is where the rule stands.

    Without a country it is a rule of the business itself, with `providers` one of calls over these alone. `zone` is
    whose clock counts, None for the person's own. `valid_to` is the last day it holds.
    """

    id: str
    country: str | None = Field(pattern="^[A-Z]{2}$", default=None)
    states: tuple[str, ...] = ()
    channels: tuple[PlatformName, ...] = ()
    categories: tuple[Category, ...] = ()
    providers: tuple[str, ...] = ()
    zone: Annotated[str | None, AfterValidator(_zone)] = None
    hours: tuple[Hours, ...]
    valid_from: date = date.min
    valid_to: date | None = None
    source: str

    def binds(self, local: datetime) -> bool:
        """Tell whether the rule is in force on the day of a local time."""
        day = local.date()
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def allows(self, local: datetime) -> bool:
        """Tell whether the rule lets a message go at a local time."""
        return not self.binds(local) or any(hours.holds(local) for hours in self.hours)


class SeriesRule(_Row):
    """What calls may come from a country's numbers that begin with `prefix`; `needed`: these from no others."""

    id: str
    country: str = Field(pattern="^[A-Z]{2}$")
    prefix: str = Field(pattern=r"^\+[1-9][0-9]+$")
    categories: tuple[Category, ...]
    needed: bool = False
    source: str


class RecordingRule(_Row):
    """Where recordings need everybody's consent: a country, or some of its states; `valid_to` is the last day."""

    id: str
    country: str = Field(pattern="^[A-Z]{2}$")
    states: tuple[str, ...] = ()
    valid_from: date = date.min
    valid_to: date | None = None
    source: str

    def binds(self, day: date) -> bool:
        """Tell whether the rule is in force on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def category_of(template: str) -> Category:
    """Return the category of rules and prices that a template's own stands for; one not known here is UTILITY."""
    return next((name for name in CATEGORIES if name == template), "UTILITY")


def own_hours(id: str, start: time, end: time, source: str) -> HoursRule:
    """Return hours that a business keeps each day in its customers' own time; a start after the end goes over midnight.

    Equal ends leave no hour.
    """
    hours = [(start, end)] if start <= end else [(start, None), (time(0), end)]
    return HoursRule(id=id, hours=tuple(Hours(start=first, end=last) for first, last in hours), source=source)


@cache
def hours_rules() -> tuple[HoursRule, ...]:
    """Return every row of the hours."""
    return tuple(HoursRule.model_validate(row) for row in _data("hours.yaml"))


@cache
def series_rules() -> tuple[SeriesRule, ...]:
    """Return every row of the series of numbers."""
    return tuple(SeriesRule.model_validate(row) for row in _data("series.yaml"))


@cache
def recording_rules() -> tuple[RecordingRule, ...]:
    """Return every row of where recordings need everybody's consent."""
    return tuple(RecordingRule.model_validate(row) for row in _data("recording.yaml"))


@cache
def us_states() -> dict[str, str]:
    """Return the state of each area code of the US."""
    return {str(code): state for state, codes in _data("us_area_codes.yaml").items() for code in codes}


def _data(name: str) -> Any:
    return yaml.safe_load((files(__package__) / name).read_text("utf-8"))
