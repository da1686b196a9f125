"""Intervals, single times, solar schedules, and schedules as text."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskhub.exceptions import InvalidSchedule
from taskhub.schedules import cron, every, once, parse, solar
from taskhub.schedules.interval import UNITS
from taskhub.schedules.solar import EVENTS

pytestmark = pytest.mark.any_database

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
moments = st.datetimes(
    datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC)  # noqa: DTZ001
)  # fmt: skip
periods = st.integers(100, 10**9).map(lambda number: every(milliseconds=number))


# Intervals.


def test_an_interval_counts_from_its_anchor():
    schedule = every(minutes=10).anchored(NOON + timedelta(minutes=3))

    assert schedule.next_after(NOON) == NOON + timedelta(minutes=3)
    assert schedule.next_after(NOON + timedelta(minutes=3)) == NOON + timedelta(
        minutes=13
    )


@given(periods, moments, moments)
def test_ticks_of_an_interval_are_whole_periods_from_its_anchor(
    schedule, anchor, moment
):
    schedule = schedule.anchored(anchor)

    tick = schedule.next_after(moment)

    assert moment < tick <= moment + schedule.period
    assert not (tick - anchor) % schedule.period
    assert schedule.next_after(tick) - tick == schedule.period


@given(periods, moments, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_the_latest_tick_of_an_interval(schedule, start, span):
    latest = schedule.latest_between(start, start + span)

    if latest is None:
        assert schedule.next_after(start) > start + span
    else:
        assert start < latest <= start + span
        assert schedule.next_after(latest) > start + span


def test_an_interval_follows_the_elapsed_time():
    zone = ZoneInfo("Europe/Berlin")
    evening = datetime(2026, 3, 28, 20, tzinfo=zone)

    tick = every(hours=24).anchored(evening).next_after(evening)

    assert tick.astimezone(zone).hour == 21


def test_units_of_an_interval_are_added():
    assert every(hours=1, minutes=30).text == "every 90 minutes"
    assert every(weeks=1).period == timedelta(days=7)
    assert every(days=1, milliseconds=100).period == timedelta(days=1, milliseconds=100)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "longer than 0"),
        ({"minutes": 0}, "longer than 0"),
        ({"minutes": -1}, "minutes must be a whole number, not -1"),
        ({"minutes": 1.5}, "minutes must be a whole number, not 1.5"),
        ({"minutes": True}, "minutes must be a whole number, not True"),
        ({"milliseconds": 50}, "at least 100 milliseconds"),
        ({"weeks": 10**9}, "at most 100 years"),
    ],
)
def test_an_invalid_interval_is_refused(wrong, words):
    with pytest.raises(InvalidSchedule, match=words):
        every(**wrong)


# Single times.


def test_a_single_time_fires_once():
    schedule = once(NOON)

    assert schedule.next_after(NOON - timedelta(seconds=1)) == NOON
    assert schedule.next_after(NOON) is None
    assert list(schedule.between(NOON - timedelta(days=1), NOON)) == [NOON]
    assert schedule.latest_between(NOON - timedelta(days=1000), NOON) == NOON


def test_once_refuses_a_naive_datetime():
    with pytest.raises(InvalidSchedule, match="Expected an aware datetime"):
        once(datetime(2026, 1, 1))  # noqa: DTZ001


def test_next_after_refuses_a_naive_datetime():
    with pytest.raises(ValueError, match="Expected an aware datetime"):
        every(hours=1).next_after(datetime(2026, 1, 1))  # noqa: DTZ001


# Solar schedules.


def test_the_solar_events_of_a_day_are_in_order():
    berlin = {"latitude": 52.52, "longitude": 13.40}
    midnight = datetime(2026, 4, 1, tzinfo=UTC)

    found = [solar(event, **berlin).next_after(midnight) for event in EVENTS]

    assert found == sorted(found)
    assert all(tick.date() == midnight.date() for tick in found)
    # An almanac gives 06:43 and 19:41 in summer time.
    sunrise, sunset = found[3], found[5]
    assert abs(sunrise - midnight.replace(hour=4, minute=43)) < timedelta(minutes=3)
    assert abs(sunset - midnight.replace(hour=17, minute=41)) < timedelta(minutes=3)


@given(
    st.sampled_from(["sunrise", "solar_noon", "sunset", "dusk_civil"]),
    st.floats(-45, 45),
    st.floats(-180, 180),
    moments,
)
# The UTC day 2020-02-15 has one dusk at its start and another at its end.
@example("dusk_civil", -20.0, -75.0, datetime(2020, 2, 14, 0, 1, tzinfo=UTC))
def test_a_solar_event_fires_about_once_a_day(event, latitude, longitude, moment):
    schedule = solar(event, latitude=latitude, longitude=longitude)

    tick = schedule.next_after(moment)
    following = schedule.next_after(tick)

    assert moment < tick <= moment + timedelta(hours=25)
    assert timedelta(hours=23) < following - tick < timedelta(hours=25)
    assert schedule.next_after(tick - timedelta(seconds=1)) == tick


@pytest.mark.parametrize("event", sorted(EVENTS))
@pytest.mark.parametrize("longitude", [-180, -105, -75, 0, 75, 90, 105, 180])
def test_a_solar_event_fires_on_every_day_of_a_year(event, longitude):
    schedule = solar(event, latitude=-20, longitude=longitude)
    start = datetime(2020, 1, 1, 0, 0, tzinfo=UTC)

    ticks = list(schedule.between(start, start + timedelta(days=366)))

    gaps = [later - earlier for earlier, later in pairwise(ticks)]
    assert len(ticks) in {365, 366, 367}
    assert timedelta(hours=23, minutes=58) < min(gaps)
    assert max(gaps) < timedelta(hours=24, minutes=2)


def test_days_without_a_sunrise_have_no_tick():
    tromso = solar("sunrise", latitude=69.65, longitude=18.96)

    tick = tromso.next_after(datetime(2026, 12, 1, tzinfo=UTC))

    assert (tick.year, tick.month) == (2027, 1)


@pytest.mark.parametrize(
    ("event", "latitude", "longitude", "field"),
    [
        ("moonrise", 0, 0, "event"),
        ("sunrise", 91, 0, "latitude"),
        ("sunrise", 0, -181, "longitude"),
        ("sunrise", float("nan"), 0, "latitude"),
        ("sunset", 90, 0, "latitude"),
    ],
)
def test_an_invalid_solar_schedule_is_refused(event, latitude, longitude, field):
    with pytest.raises(InvalidSchedule) as caught:
        solar(event, latitude=latitude, longitude=longitude)

    assert caught.value.field == field


@pytest.mark.parametrize(
    "schedule",
    [
        cron("0 3 * * *", tz="Asia/Tokyo"),
        every(weeks=3),
        once(NOON),
        solar("sunset", latitude=0, longitude=0),
    ],
    ids=str,
)
def test_ticks_end_with_the_year_9999(schedule):
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)

    assert schedule.next_after(last) is None
    assert list(schedule.between(last, datetime.max.replace(tzinfo=UTC))) == []


# Schedules as text.


@pytest.mark.parametrize(
    "schedule",
    [
        cron("0 3 * * MON-FRI", tz="Europe/Berlin"),
        cron("@daily"),
        every(minutes=10),
        every(weeks=1),
        once(NOON),
        once(datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))),
        solar("sunset", latitude=-33.87, longitude=151.21),
    ],
    ids=str,
)
def test_a_schedule_can_be_parsed_from_its_text(schedule):
    again = parse(schedule.text)

    assert again.text == schedule.text == str(schedule)
    assert again.next_after(NOON) == schedule.next_after(NOON)


@given(st.sampled_from(sorted(UNITS)), st.integers(100, 1000))
def test_an_interval_in_every_unit_can_be_parsed(unit, count):
    assert parse(f"every {count} {unit}").period == count * UNITS[unit]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a schedule; it begins with ''"),
        ("crom * * * * *", "did you mean 'cron'"),
        ("* * * * *", "expected one of: cron, every, once, solar"),
        ("cron * * * *", "4 fields; expected 5"),
        ("cron * * * * * Europe/Berlin now", "five fields and a time zone"),
        ("cron @daily Europe/Berlim", "did you mean 'Europe/Berlin'"),
        ("every minute", "cannot be read; expected a text such as 'every 10 minutes'."),
        ("every ten minutes", "such as 'every 10 minutes'"),
        ("every 5 parsecs", "There is no unit 'parsecs'"),
        ("every 0 minutes", "whole number from 1"),
        ("once tomorrow", "such as 'once 2027-01-01T00:00:00+00:00'"),
        ("once 2026-01-01T00:00:00", "aware datetime"),
        ("solar sunset", "such as 'solar sunset 52.52 13.4'"),
        ("solar sunset here there", "such as 'solar sunset 52.52 13.4'"),
    ],
)
def test_text_that_is_no_schedule_is_refused(text, words):
    with pytest.raises(InvalidSchedule) as caught:
        parse(text)

    assert words in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text):
    for kind in ("", "cron ", "every ", "once ", "solar "):
        with suppress(InvalidSchedule):
            parse(kind + text)
