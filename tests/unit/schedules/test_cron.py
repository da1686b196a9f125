"""Cron expressions, and daylight saving time in every time zone."""

from calendar import monthrange
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub.exceptions import InvalidSchedule, UnknownZone
from taskhub.schedules import cron

pytestmark = pytest.mark.any_database

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2035, 12, 31, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})


def ticks(expression, start, end, tz="UTC"):
    return list(cron(expression, tz=tz).between(start, end))


def starts(expression, count=3, start=datetime(2026, 11, 24, 12, tzinfo=UTC)):
    """Return the next ticks as text."""
    schedule = cron(expression)
    found, tick = [], start
    for _ in range(count):
        tick = schedule.next_after(tick)
        found.append(f"{tick:%Y-%m-%d %H:%M %a}")
    return found


# The meaning of expressions. 2026-11-24 is a Tuesday.


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
def test_the_next_tick_of_an_expression(expression, first):
    assert starts(expression, 1) == [first]


def test_sunday_may_end_a_range_of_weekdays():
    assert starts("0 0 * * SAT-SUN", 3) == [
        "2026-11-28 00:00 Sat",
        "2026-11-29 00:00 Sun",
        "2026-12-05 00:00 Sat",
    ]


def test_a_day_that_matches_either_day_field_fires():
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
        (
            "*/120 * * * *",
            "'*/120' reaches beyond 0-59: it names minute 0",
        ),
        ("*/60 * * * *", "shorter step, or '0'"),
        ("50/15 * * * *", "names minute 50 alone"),
        ("0 */25 * * *", "names hour 0 alone"),
        ("0 0 */31 * *", "names day of month 1 alone"),
        ("0 0 1 */12 *", "names month 1 alone"),
        ("0 0 1 NOV/2 *", "names month 11 alone"),
        ("0 0 * * */7", "names day of week 0 alone"),
    ],
)
def test_an_invalid_expression_is_refused_with_a_reason(expression, words):
    with pytest.raises(InvalidSchedule) as caught:
        cron(expression)

    assert words in str(caught.value)
    assert caught.value.field == "expression"


def test_an_unknown_zone_is_refused_with_a_suggestion():
    schedule = cron("@daily", tz="Europe/Berlim")

    with pytest.raises(UnknownZone, match="did you mean 'Europe/Berlin'") as caught:
        schedule.next_after(FIRST)

    assert caught.value.field == "tz"


@pytest.mark.parametrize("zone", ["", "../etc/passwd", "/etc/passwd", "Europe", "a\0b"])
def test_a_path_is_not_accepted_as_a_zone(zone):
    with pytest.raises(UnknownZone, match="There is no time zone"):
        cron("@daily", tz=zone).next_after(FIRST)


@given(st.text(alphabet="0123456789*/,-#L ASUNMO@", max_size=25))
def test_any_text_is_a_schedule_or_is_refused(text):
    try:
        schedule = cron(text)
    except InvalidSchedule:
        return
    assert schedule.next_after(FIRST) > FIRST


# Daylight saving time.


def berlin(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_wall_time_in_the_gap_fires_once_at_its_end():
    found = ticks(
        "30 2 * * *", berlin("2026-03-28T12+01:00"), berlin("2026-03-31T00+02:00"),
        "Europe/Berlin",
    )  # fmt: skip
    assert found == [berlin("2026-03-29T03:00+02:00"), berlin("2026-03-30T02:30+02:00")]


def test_two_wall_times_in_the_gap_fire_once():
    found = ticks(
        "15,45 2 * * *", berlin("2026-03-28T12+01:00"), berlin("2026-03-29T12+02:00"),
        "Europe/Berlin",
    )  # fmt: skip
    assert found == [berlin("2026-03-29T03:00+02:00")]


def test_a_wall_time_in_the_overlap_fires_only_the_first_time():
    found = ticks(
        "30 2 * * *", berlin("2026-10-24T12+02:00"), berlin("2026-10-26T00+01:00"),
        "Europe/Berlin",
    )  # fmt: skip
    assert found == [berlin("2026-10-25T02:30+02:00")]


def test_the_second_time_in_the_overlap_does_not_fire():
    second = datetime(2026, 10, 25, 2, 15, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))

    tick = cron("30 2 * * *", tz="Europe/Berlin").next_after(second)

    assert tick == berlin("2026-10-26T02:30+01:00")


def test_minutes_with_a_star_follow_the_elapsed_time():
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
    """Return the times of a year at which the offset of the zone changes."""
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
    """Return the offset of the zone from UTC."""
    return moment.astimezone(zone).utcoffset()


def expected_daily(zone, day, hour, minute):
    """Return when a fixed wall time must fire on a day, computed minute by minute."""
    wall = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001
    while True:
        first = wall.replace(tzinfo=zone).astimezone(UTC)
        if first.astimezone(zone).replace(tzinfo=None) == wall:
            return first
        # This wall time does not exist: go on to the end of the gap.
        wall += timedelta(minutes=1)


@given(zones, st.integers(2020, 2035), st.integers(0, 23), st.integers(0, 59))
def test_a_daily_time_fires_once_on_every_day_of_every_zone(name, year, hour, minute):
    zone = ZoneInfo(name)
    # Look only at days near changes of the offset, where errors are likely.
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


@dataclass
class Walked:
    """An oracle for an expression with a star, which looks at every minute."""

    expression: str
    minutes: Collection[int]
    hours: Collection[int] = range(24)
    is_day: Callable[[date], bool] = lambda day: True

    def ticks(self, zone, start, end):
        found, at = [], start.replace(second=0, microsecond=0) + timedelta(minutes=1)
        while at <= end:
            local = at.astimezone(zone)
            is_time = local.minute in self.minutes and local.hour in self.hours
            if is_time and self.is_day(local.date()):
                found.append(at)
            at += timedelta(minutes=1)
        return found


def is_last(day):
    return day.day == monthrange(day.year, day.month)[1]


STARS = [
    Walked("* * * * *", range(60)),
    Walked("*/15 * * * *", range(0, 60, 15)),
    Walked("*/7 * * * *", range(0, 60, 7)),
    Walked("*/45 * * * *", [0, 45]),
    Walked("30 * * * *", [30]),
    Walked("0 */3 * * *", [0], range(0, 24, 3)),
    Walked("59 */2 * * *", [59], range(0, 24, 2)),
    Walked("*/15 0-3 * * *", range(0, 60, 15), range(4)),
    Walked("*/20 1 * * FRI-SUN", [0, 20, 40], [1], lambda day: day.weekday() > 3),
    Walked("*/30 23,0 1-15 * *", [0, 30], [23, 0], lambda day: day.day <= 15),
    Walked("* */5 L * *", range(60), range(0, 24, 5), lambda day: is_last(day)),
    Walked(
        "*/10 */4 * 3 *", range(0, 60, 10), range(0, 24, 4), lambda day: day.month == 3
    ),
]


@given(zones, moments, st.sampled_from(STARS))
def test_a_star_follows_the_elapsed_time_in_every_zone(name, moment, walked):
    zone = ZoneInfo(name)
    schedule = cron(walked.expression, tz=name)

    for jump in transitions(zone, moment.year)[:3] or [moment]:
        start, end = jump - timedelta(hours=26), jump + timedelta(hours=26)
        expected = walked.ticks(zone, start, end)
        assert list(schedule.between(start, end)) == expected
        following = schedule.next_after(end)
        assert walked.ticks(zone, following - timedelta(minutes=1), following)


@pytest.mark.parametrize(
    ("expression", "zone", "day", "times"),
    [
        (
            "*/15 1 * * FRI",
            "Africa/Cairo",
            date(2027, 4, 30),
            "01:00 01:15 01:30 01:45",
        ),
        ("*/30 1 * * SUN", "America/Santiago", date(2027, 9, 5), "01:00 01:30"),
        ("*/30 1 14 3 *", "America/Havana", date(2027, 3, 14), "01:00 01:30"),
        ("*/30 2 * 10 *", "Australia/Lord_Howe", date(2026, 10, 4), "02:30"),
        ("*/30 1 * 4 *", "Australia/Lord_Howe", date(2027, 4, 4), "01:00 01:30 01:30"),
    ],
)
def test_the_first_hour_after_a_change_is_not_skipped(expression, zone, day, times):
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    found = ticks(expression, start, start + timedelta(days=3), zone)
    local = [tick.astimezone(ZoneInfo(zone)) for tick in found]

    assert [f"{each:%H:%M}" for each in local if each.date() == day] == times.split()


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
def test_the_next_tick_is_the_same_from_any_time_before_it(name, moment, expression):
    schedule = cron(expression, tz=name)

    tick = schedule.next_after(moment)
    following = schedule.next_after(tick)

    assert moment < tick < following
    for asked in (moment + (tick - moment) / 2, tick - timedelta(microseconds=1)):
        assert schedule.next_after(asked) == tick
    assert schedule.next_after(tick + (following - tick) / 2) == following


@given(zones, moments, st.sampled_from(EXPRESSIONS), st.integers(0, 20 * 24))
def test_latest_between_returns_the_last_tick_of_between(
    name, start, expression, hours
):
    schedule = cron(expression, tz=name)
    end = start + timedelta(hours=hours)

    in_order = list(schedule.between(start, end))

    assert schedule.latest_between(start, end) == (in_order[-1] if in_order else None)
