"""Who may be written to, when: each row at both of its edges, in each zone, on odd days and nights."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import phonenumbers.timezone
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.rules.place import Place, place_of, place_of_number
from jinaconnect.core.rules.rows import DAYS, Hours, HoursRule, hours_rules, own_hours, series_rules, us_states
from jinaconnect.core.rules.verdict import Allowed, Deferred, Refused, next_hours, series_refusal, verdict

MONDAY = date(2026, 6, 1)
TICK = timedelta(microseconds=1)
NUMBERS = {  # somebody whom a row concerns, in one zone
    "in.voice.promotional": "+919812345678", "in.voice.promotional.day": "+919812345678",
    "in.sms.promotional": "+919812345678", "us.marketing": "+16025550100", "us.evening": "+14055550100",
    "us.ct": "+18605550100", "us.tx.calls": "+15125550100", "us.tx.texts": "+15125550100", "us.ri": "+14015550100",
}  # fmt: skip
ARIZONA, FLORIDA, TEXAS, DELHI = "+16025550100", "+13055550123", "+15125550100", "+919812345678"


def at(local: str, zone: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def asked(phone: str, local: str, zone: str, category: str = "MARKETING", channel: str = "SMS") -> object:
    return verdict({"phone": phone}, category, channel, at(local, zone))  # type: ignore[arg-type]


def edges() -> list[tuple[HoursRule, Hours, str]]:
    return [(rule, hours, day) for rule in hours_rules() for hours in rule.hours for day in hours.days]


@pytest.mark.parametrize(("rule", "hours", "day"), edges(), ids=lambda part: getattr(part, "id", str(part)[:12]))
def test_a_row_holds_from_its_first_moment_to_its_last(rule: HoursRule, hours: Hours, day: str) -> None:
    contact = {"phone": NUMBERS[rule.id]}
    (zone,) = place_of(contact).zones
    today = MONDAY + timedelta(days=DAYS.index(day))  # type: ignore[arg-type]
    first = datetime.combine(today, hours.start, ZoneInfo(zone)).astimezone(UTC)
    assert hours.end is not None
    over = next(iter(rule.providers), None)
    last = datetime.combine(today, hours.end, ZoneInfo(zone)).astimezone(UTC)
    for category in rule.categories:
        for channel in rule.channels:
            early = verdict(contact, category, channel, first - TICK, provider=over)
            assert isinstance(early, Deferred)
            assert early.until == first
            assert verdict(contact, category, channel, first, provider=over) == Allowed()
            assert verdict(contact, category, channel, last - TICK, provider=over) == Allowed()
            late = verdict(contact, category, channel, last, provider=over)
            assert isinstance(late, Deferred)
            assert late.until > last
            assert rule.id in (early.rule, late.rule), "another row would have done the same"


@pytest.mark.parametrize("rule", hours_rules(), ids=lambda rule: rule.id)
def test_a_row_holds_from_its_first_day(rule: HoursRule) -> None:
    night = datetime.combine(rule.valid_from, time(3))
    assert not rule.allows(night)
    assert rule.allows(night - timedelta(days=1))


def test_a_row_holds_to_its_last_day() -> None:
    rule = HoursRule(id="x", hours=(Hours(start=time(9), end=time(10)),), valid_to=date(2026, 2, 28), source="s")
    assert not rule.allows(datetime(2026, 2, 28, 23, 59))
    assert rule.allows(datetime(2026, 3, 1))
    asked = verdict({"phone": DELHI}, "UTILITY", "SMS", at("2026-02-28T12:00", "Asia/Kolkata"), [rule])
    assert asked == Deferred(at("2026-03-01T00:00", "Asia/Kolkata"), "x", "s"), "free once it has ended"


def test_every_row_is_tried() -> None:
    assert {rule.id for rule in hours_rules()} == set(NUMBERS)
    assert all(rule.source for rule in hours_rules())


def test_the_night_the_clocks_go_on_and_back() -> None:
    zone = "America/New_York"
    forward = asked(FLORIDA, "2026-03-08T01:59", zone)
    assert forward == Deferred(at("2026-03-08T08:00", zone), "us.marketing", "TCPA, 47 CFR 64.1200(c)(1)")
    assert isinstance(forward, Deferred)
    assert forward.until - at("2026-03-08T01:59", zone) == timedelta(hours=5, minutes=1)
    back = asked(FLORIDA, "2026-11-01T00:30", zone)
    assert isinstance(back, Deferred)
    assert back.until - at("2026-11-01T00:30", zone) == timedelta(hours=8, minutes=30)


def test_hours_that_begin_in_the_hour_left_out_begin_when_it_is_over() -> None:
    night = [own_hours("quiet", time(2, 30), time(23), "own")]
    found = verdict({"phone": FLORIDA}, "UTILITY", "SMS", at("2026-03-08T01:00", "America/New_York"), night)
    assert isinstance(found, Deferred)
    assert found.until == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)


def test_the_29th_of_february() -> None:
    zone = "America/Phoenix"
    assert asked(ARIZONA, "2028-02-29T12:00", zone) == Allowed()
    late = asked(ARIZONA, "2028-02-28T22:00", zone)
    assert isinstance(late, Deferred)
    assert late.until == at("2028-02-29T08:00", zone)
    over = asked(ARIZONA, "2028-02-29T22:00", zone)
    assert isinstance(over, Deferred)
    assert over.until == at("2028-03-01T08:00", zone)


def test_texas_on_sunday_and_its_texts_before_september_2025() -> None:
    zone = "America/Chicago"
    sunday = asked(TEXAS, "2026-06-07T10:00", zone)
    assert isinstance(sunday, Deferred)
    assert (sunday.rule, sunday.until) == ("us.tx.texts", at("2026-06-07T12:00", zone))
    assert asked(TEXAS, "2025-08-31T10:00", zone) == Allowed()  # a Sunday, the day before
    assert isinstance(asked(TEXAS, "2025-08-31T10:00", zone, channel="VOICE"), Deferred)


def test_a_number_of_several_zones_keeps_the_hours_of_all() -> None:
    contact = {"phone": "+18005550123"}
    zones = place_of(contact).zones
    assert len(zones) > 30
    found = verdict(contact, "MARKETING", "SMS", datetime(2026, 6, 3, 3, 0, tzinfo=UTC))
    assert isinstance(found, Deferred)
    assert all(8 <= found.until.astimezone(ZoneInfo(zone)).hour < 21 for zone in zones)
    assert not all(8 <= (found.until - TICK).astimezone(ZoneInfo(zone)).hour < 21 for zone in zones)


def test_what_the_contact_says_of_where_they_live_goes_before_their_number() -> None:
    moved = {"phone": FLORIDA, "attributes": {"state": "ca", "timezone": "America/Los_Angeles"}}
    assert (place_of(moved).state, place_of(moved).zones) == ("CA", ("America/Los_Angeles",))
    assert verdict(moved, "MARKETING", "SMS", at("2026-06-01T20:30", "America/Los_Angeles")) == Allowed()
    assert isinstance(asked(FLORIDA, "2026-06-01T20:30", "America/New_York"), Deferred)
    odd = {"phone": FLORIDA, "attributes": {"state": 7, "timezone": "../etc/passwd", "country": "nowhere"}}
    assert place_of(odd) == place_of({"phone": FLORIDA})
    abroad = {"phone": FLORIDA, "attributes": {"country": "DE", "timezone": "Europe/Berlin"}}
    assert verdict(abroad, "MARKETING", "SMS", at("2026-06-01T23:00", "Europe/Berlin")) == Allowed()


def test_only_promotion_is_kept_to_hours() -> None:
    for category in ("UTILITY", "AUTHENTICATION", "SERVICE"):
        assert asked(DELHI, "2026-06-01T02:00", "Asia/Kolkata", category) == Allowed()
    assert isinstance(asked(DELHI, "2026-06-01T02:00", "Asia/Kolkata", "SERVICE_EXPLICIT"), Deferred)
    assert asked(DELHI, "2026-06-01T02:00", "Asia/Kolkata", channel="WHATSAPP") == Allowed()


def test_promotional_calls_in_india_end_with_their_providers_day() -> None:
    def outcome(local: str, provider: str | None, category: str = "MARKETING") -> object:
        at_time = at(local, "Asia/Kolkata")
        found = verdict({"phone": DELHI}, category, "VOICE", at_time, provider=provider)  # type: ignore[arg-type]
        return found.rule if isinstance(found, Deferred) else found

    assert outcome("2026-06-01T01:30", None) == "in.voice.promotional"
    assert outcome("2026-06-01T19:00", "sip") == outcome("2026-06-01T19:00", None) == Allowed()
    assert outcome("2026-06-01T19:00", "plivo") == "in.voice.promotional.day"
    assert outcome("2026-06-01T01:30", "plivo", "UTILITY") == Allowed()


@pytest.mark.parametrize(
    ("number", "category", "rule"),
    [
        ("+911401234567", "MARKETING", None), ("+911401234567", "UTILITY", "in.series.promotional"),
        ("+911600123456", "UTILITY", None), ("+911600123456", "MARKETING", "in.series.promotional"),
        ("+918012345678", "UTILITY", None), ("+918012345678", "MARKETING", "in.series.promotional"),
        ("+12025550100", "MARKETING", None), ("", "MARKETING", None),
    ],
)  # fmt: skip
def test_a_series_of_numbers_is_for_calls_of_its_kind(number: str, category: str, rule: str | None) -> None:
    found = series_refusal({"phone": DELHI}, category, number)  # type: ignore[arg-type]
    assert (found and found.rule) == rule
    assert series_refusal({"phone": ARIZONA}, category, number) is None  # type: ignore[arg-type]


def test_every_series_is_of_its_country_and_has_a_source() -> None:
    assert [rule.id for rule in series_rules()] == ["in.series.promotional", "in.series.service"]
    assert all(rule.source for rule in series_rules())


@pytest.mark.parametrize(
    ("contact", "rule"),
    [
        ({"dnc": True}, "contact.dnc"),
        ({"opt_outs": {"WHATSAPP": "2026-01-01T00:00:00.000Z"}}, "contact.opt_out"),
        ({"opt_outs": {"WHATSAPP_MARKETING": "2026-01-01T00:00:00.000Z"}}, "contact.opt_out_marketing"),
    ],
)
def test_who_wants_nothing_is_sent_nothing_but_what_they_asked_for(contact: dict[str, object], rule: str) -> None:
    noon = at("2026-06-01T12:00", "Asia/Kolkata")
    whom = {"phone": DELHI, **contact}
    found = verdict(whom, "MARKETING", "WHATSAPP", noon)
    assert isinstance(found, Refused)
    assert found.rule == rule
    assert verdict(whom, "SERVICE", "WHATSAPP", noon) == Allowed()
    assert isinstance(verdict(whom, "UTILITY", "WHATSAPP", noon), Refused) == (rule != "contact.opt_out_marketing")
    assert isinstance(verdict(whom, "MARKETING", "SMS", noon), Refused) == (rule == "contact.dnc")


def test_who_answered_stop_to_an_sms_is_sent_none_of_any_kind() -> None:
    stopped = {"phone": DELHI, "opt_outs": {"SMS": "2026-01-01T00:00:00.000Z"}}
    noon = at("2026-06-01T12:00", "Asia/Kolkata")
    for category in ("MARKETING", "UTILITY", "SERVICE", "AUTHENTICATION"):
        found = verdict(stopped, category, "SMS", noon)
        assert isinstance(found, Refused)
        assert found.rule == "contact.opt_out"
        assert verdict(stopped, category, "WHATSAPP", noon) == Allowed()


def test_hours_of_ones_own_over_midnight_and_none_at_all() -> None:
    night = [own_hours("own", time(22), time(6), "own")]
    assert verdict({"phone": DELHI}, "UTILITY", "SMS", at("2026-06-01T23:00", "Asia/Kolkata"), night) == Allowed()
    assert verdict({"phone": DELHI}, "UTILITY", "SMS", at("2026-06-01T05:59", "Asia/Kolkata"), night) == Allowed()
    day = verdict({"phone": DELHI}, "UTILITY", "SMS", at("2026-06-01T06:00", "Asia/Kolkata"), night)
    assert isinstance(day, Deferred)
    assert day.until == at("2026-06-01T22:00", "Asia/Kolkata")
    common = verdict({"phone": DELHI}, "MARKETING", "SMS", at("2026-06-01T12:00", "Asia/Kolkata"), night)
    assert isinstance(common, Refused), "promotion by day only, and the business writes by night only"


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([ARIZONA, FLORIDA, TEXAS, DELHI, "+18005550123", "+14015550100", "+442071234567"]),
    st.sampled_from(["SMS", "VOICE", "WHATSAPP"]),
    st.datetimes(min_value=datetime(2025, 1, 1), max_value=datetime(2029, 1, 1), timezones=st.just(UTC)),
)
def test_what_is_deferred_is_allowed_then_and_at_no_hour_before(phone: str, channel: str, now: datetime) -> None:
    contact = {"phone": phone}
    found = verdict(contact, "MARKETING", channel, now)
    assert not isinstance(found, Refused)
    if isinstance(found, Deferred):
        assert verdict(contact, "MARKETING", channel, found.until) == Allowed()
        moment = now
        while moment < found.until:
            assert isinstance(verdict(contact, "MARKETING", channel, moment), Deferred)
            moment += timedelta(minutes=30)


def test_a_carrier_that_finds_it_too_early_is_asked_again_when_the_hours_begin() -> None:
    def again(phone: str, asked: str, now: str, zone: str) -> datetime | None:
        return next_hours({"phone": phone}, "SMS", at(asked, zone), at(now, zone))

    india, ten = "Asia/Kolkata", at("2026-06-02T10:00", "Asia/Kolkata")
    assert again(DELHI, "2026-06-01T21:30", "2026-06-01T21:30", india) == ten
    # Told of late, within the hours of another day: at once.
    assert again(DELHI, "2026-06-01T21:30", "2026-06-02T11:00", india) == at("2026-06-02T11:00", india)
    # Within the hours as we know them: the carrier knows better, and is asked when they begin again.
    assert again(DELHI, "2026-06-01T12:00", "2026-06-01T12:00", india) == ten
    assert again(TEXAS, "2026-06-06T22:00", "2026-06-06T22:00", "America/Chicago") == at(
        "2026-06-07T12:00", "America/Chicago"
    )
    assert next_hours({"phone": "+4930123456"}, "SMS", ten, ten) is None, "nobody has said which"


def test_the_area_codes_are_those_of_the_numbering_plan() -> None:
    from phonenumbers import PhoneNumber, geocoder  # 100 MB of places, for this test alone

    names = {"NY": "New York", "TX": "Texas", "WA": "Washington State", "DC": "Washington D.C.", "FL": "Florida"}
    for code, state in us_states().items():
        if state in names:
            told = geocoder.description_for_number(
                PhoneNumber(country_code=1, national_number=int(f"{code}5550100")), "en"
            )
            assert told == names[state] or told.endswith(f", {state}"), code
    assert len(us_states()) > 330


def test_a_number_that_is_none_is_nowhere() -> None:
    assert place_of_number("") == place_of_number("12") == place_of({})


def test_a_number_of_a_state_is_where_the_numbering_plan_says() -> None:
    for place, area in enumerate(us_states()):
        number = f"+1{area}{2_345_678 + 7_919 * place}"
        parsed = phonenumbers.parse(number, None)
        zones = tuple(phonenumbers.timezone.time_zones_for_number(parsed))
        if phonenumbers.is_valid_number(parsed):
            assert place_of_number(number) == Place(
                phonenumbers.region_code_for_number(parsed), us_states()[area], zones
            ), number
