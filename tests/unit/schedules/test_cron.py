"""Cron expressions, and daylight saving in every zone there is."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from taskhub.exceptions import InvalidSchedule, UnknownZone
from taskhub.schedules import cron

pytestmark = pytest.mark.any_database

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2035, 12, 31, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})


def ticks(expression, start, end, tz="UTC"):
    return list(cron(expression, tz=tz).between(start, end))


def starts(expression, count=3, start=datetime(2026, 11, 24, 12, tzinfo=UTC)):
    """The next ticks, as text."""
    schedule = cron(expression)
    found, tick = [], start
    for _ in range(count):
        tick = schedule.next_after(tick)
        found.append(f"{tick:%Y-%m-%d %H:%M %a}")
    return found


# What expressions mean. 2026-11-24 is a Tuesday.


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("0 3 * * *", "2026-11-25 03:00 Wed"),
        ("*/5 * * * *", "2026-11-24 12:05 Tue"),
        ("5,10-12 * * * *", "2026-11-24 12:05 Tue"),
        ("0 9-17/4 * * *", "2026-11-24 13:00 Tue"),
        ("0 0 1 * *", "2026-12-01 00:00 Tue"),
        ("0 0 L * *", "2026-11-30 00:00 Mon"),
        ("0 0 LW 1 *", "2027-01-29 00:00 Fri"),
        ("0 0 * * 0", "2026-11-29 00:00 Sun"),
        ("0 0 * * 7", "2026-11-29 00:00 Sun"),
        ("0 0 * * sun", "2026-11-29 00:00 Sun"),
        ("0 0 * * Sunday", "2026-11-29 00:00 Sun"),
        ("0 0 * * fri-sun", "2026-11-27 00:00 Fri"),
        ("0 0 * * Wednesday,Thursday", "2026-11-25 00:00 Wed"),
        ("0 0 * * 5L", "2026-11-27 00:00 Fri"),
        ("0 0 * * FRI#2", "2026-12-11 00:00 Fri"),
        ("0 0 29 feb *", "2028-02-29 00:00 Tue"),
        ("0 0 1 January *", "2027-01-01 00:00 Fri"),
        ("0 0 1 SEPTEMBER *", "2027-09-01 00:00 Wed"),
        ("0 0 13 * FRI", "2026-11-27 00:00 Fri"),
        ("0 0 */2 * FRI", "2026-11-27 00:00 Fri"),
        ("@yearly", "2027-01-01 00:00 Fri"),
        ("@annually", "2027-01-01 00:00 Fri"),
        ("@monthly", "2026-12-01 00:00 Tue"),
        ("@weekly", "2026-11-29 00:00 Sun"),
        ("@daily", "2026-11-25 00:00 Wed"),
        ("@Midnight", "2026-11-25 00:00 Wed"),
        ("@hourly", "2026-11-24 13:00 Tue"),
    ],
)
def test_what_an_expression_means(expression, first):
    assert starts(expression, 1) == [first]


def test_sunday_ends_a_range_of_the_week():
    assert starts("0 0 * * SAT-SUN", 3) == [
        "2026-11-28 00:00 Sat",
        "2026-11-29 00:00 Sun",
        "2026-12-05 00:00 Sat",
    ]


def test_either_of_two_days_is_enough():
    assert starts("0 0 1 * MON", 3) == [
        "2026-11-30 00:00 Mon",
        "2026-12-01 00:00 Tue",
        "2026-12-07 00:00 Mon",
    ]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "0 fields; expected 5"),
        ("* * * *", "4 fields; expected 5: minute, hour, day of month"),
        ("0 0 3 * * *", "6 fields; expected 5"),
        ("60 * * * *", "'60' is no minute; expected 0-59"),
        ("* 24 * * *", "'24' is no hour; expected 0-23"),
        ("* * 0 * *", "'0' is no day of month; expected 1-31"),
        ("* * * 13 *", "'13' is no month"),
        ("* * * MAI *", "'MAI' is no month"),
        ("* * * * 8", "'8' is no day of week"),
        ("* * * * L", "'L' is no day of week"),
        ("* * * * FRI#6", "'FRI#6' is no day of week"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("9-3 * * * *", "'9-3' is no minute"),
        ("a b c d e", "'A' is no minute"),
        ("@dayly", "'@dayly'; did you mean '@daily'?"),
        ("@reboot", "Unknown alias '@reboot'"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6 *", "never fires"),
        ("0 0 31 FEB-FEB *", "never fires"),
    ],
)
def test_what_cannot_be_read_is_named(expression, words):
    with pytest.raises(InvalidSchedule) as caught:
        cron(expression)

    assert words in str(caught.value)
    assert caught.value.field == "expression"


def test_a_zone_that_does_not_exist_names_the_nearest():
    schedule = cron("@daily", tz="Europe/Berlim")

    with pytest.raises(UnknownZone, match="did you mean 'Europe/Berlin'") as caught:
        schedule.next_after(FIRST)

    assert caught.value.field == "tz"


@pytest.mark.parametrize("zone", ["", "../etc/passwd", "/etc/passwd", "Europe", "a\0b"])
def test_no_path_is_taken_for_a_zone(zone):
    with pytest.raises(UnknownZone, match="There is no time zone"):
        cron("@daily", tz=zone).next_after(FIRST)


@given(st.text(alphabet="0123456789*/,-#L ASUNMO@", max_size=25))
def test_any_text_is_a_schedule_or_is_refused(text):
    try:
        schedule = cron(text)
    except InvalidSchedule:
        return
    assert schedule.next_after(FIRST) > FIRST


# Daylight saving.


def berlin(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_wall_time_in_the_gap_fires_once_at_its_end():
    found = ticks(
        "30 2 * * *", berlin("2026-03-28T12+01:00"), berlin("2026-03-31T00+02:00"),
        "Europe/Berlin",
    )  # fmt: skip
    assert found == [berlin("2026-03-29T03:00+02:00"), berlin("2026-03-30T02:30+02:00")]


def test_two_wall_times_in_the_gap_are_one():
    found = ticks(
        "15,45 2 * * *", berlin("2026-03-28T12+01:00"), berlin("2026-03-29T12+02:00"),
        "Europe/Berlin",
    )  # fmt: skip
    assert found == [berlin("2026-03-29T03:00+02:00")]


def test_a_wall_time_in_the_overlap_fires_the_first_time():
    found = ticks(
        "30 2 * * *", berlin("2026-10-24T12+02:00"), berlin("2026-10-26T00+01:00"),
        "Europe/Berlin",
    )  # fmt: skip
    assert found == [berlin("2026-10-25T02:30+02:00")]


def test_inside_the_overlap_the_first_time_is_over():
    second = datetime(2026, 10, 25, 2, 15, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))

    tick = cron("30 2 * * *", tz="Europe/Berlin").next_after(second)

    assert tick == berlin("2026-10-26T02:30+01:00")


def test_minutes_with_a_star_follow_the_time_that_passes():
    found = ticks(
        "*/30 * * * *", berlin("2026-10-25T01:30+02:00"), berlin("2026-10-25T03+01:00"),
        "Europe/Berlin",
    )  # fmt: skip
    assert found == [
        berlin("2026-10-25T01:30+02:00") + timedelta(minutes=30 * number)
        for number in range(1, 6)
    ]


zones = st.sampled_from(ZONES)
moments = st.datetimes(
    FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)
)


@cache
def transitions(zone, year):
    """The moments of a year at which the zone's clock jumps."""
    jumps, day = [], datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        following = day + timedelta(days=5)
        if offset_at(zone, day) != offset_at(zone, following):
            low, high = day, following
            while high - low > timedelta(minutes=1):
                half = timedelta(minutes=(high - low) // timedelta(minutes=2))
                changed = offset_at(zone, low) != offset_at(zone, low + half)
                low, high = (low, low + half) if changed else (low + half, high)
            jumps.append(high)
        day = following
    return jumps


def offset_at(zone, moment):
    """How far the zone's clock is from UTC."""
    return moment.astimezone(zone).utcoffset()


def expected_daily(zone, day, hour, minute):
    """When a fixed wall time is meant to fire on a day, worked out minute by minute."""
    wall = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001
    while True:
        first = wall.replace(tzinfo=zone).astimezone(UTC)
        if first.astimezone(zone).replace(tzinfo=None) == wall:
            return first
        # It does not exist: the gap's end is the first wall time after it that does.
        wall += timedelta(minutes=1)


@given(zones, st.integers(2020, 2035), st.integers(0, 23), st.integers(0, 59))
def test_a_daily_time_fires_once_on_every_day_of_every_zone(name, year, hour, minute):
    zone = ZoneInfo(name)
    # Around the jumps, where it is hard; they are rare, so that all can be looked at.
    days = {
        jump.astimezone(zone).date() + timedelta(days=offset)
        for jump in transitions(zone, year)
        for offset in range(-2, 3)
    } or {date(year, 7, 1)}
    schedule = cron(f"{minute} {hour} * * *", tz=name)

    for day in sorted(days):
        due = expected_daily(zone, day, hour, minute)
        following = expected_daily(zone, day + timedelta(days=1), hour, minute)
        assert schedule.next_after(due - timedelta(seconds=1)) == due
        assert schedule.next_after(due) == following


@given(zones, moments, st.sampled_from([1, 5, 15, 30]))
def test_stepped_minutes_are_evenly_spaced_in_every_zone(name, moment, step):
    zone = ZoneInfo(name)
    jumps = transitions(zone, moment.year)
    start = (jumps[0] if jumps else moment) - timedelta(hours=2)
    offsets = [offset_at(zone, start + timedelta(hours=hour)) for hour in (0, 4)]
    # Where a clock jumps by other than whole steps, its minutes jump too.
    assume(all(not offset % timedelta(minutes=step) for offset in offsets))

    found = ticks(f"*/{step} * * * *", start, start + timedelta(hours=4), name)

    gaps = {following - tick for tick, following in pairwise(found)}
    assert gaps == {timedelta(minutes=step)}


EXPRESSIONS = [
    "30 2 * * *",
    "0 0 * * *",
    "*/20 * * * *",
    "0 */3 * * *",
    "15 1-3 * * *",
    "0 9 * * MON-FRI",
    "59 23 L * *",
    "0 2 * * SUN#1",
]


@given(zones, moments, st.sampled_from(EXPRESSIONS))
def test_the_next_tick_is_the_same_from_wherever_one_asks(name, moment, expression):
    schedule = cron(expression, tz=name)

    tick = schedule.next_after(moment)
    following = schedule.next_after(tick)

    assert moment < tick < following
    for asked in (moment + (tick - moment) / 2, tick - timedelta(microseconds=1)):
        assert schedule.next_after(asked) == tick
    assert schedule.next_after(tick + (following - tick) / 2) == following


@given(zones, moments, st.sampled_from(EXPRESSIONS), st.integers(0, 20 * 24))
def test_the_latest_of_many_is_the_last_of_them(name, start, expression, hours):
    schedule = cron(expression, tz=name)
    end = start + timedelta(hours=hours)

    in_order = list(schedule.between(start, end))

    assert schedule.latest_between(start, end) == (in_order[-1] if in_order else None)
