"""Celery crontabs translated to cron, compared with the rules of Celery."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub.interop.crontab import (
    Unreadable,
    Untranslatable,
    translate,
)
from taskhub.schedules import cron

pytestmark = pytest.mark.any_database

DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun"]
MONTHS += ["jul", "aug", "sep", "oct", "nov", "dec"]
RANGES = {
    "minute": (0, 59, []),
    "hour": (0, 23, []),
    "day_of_month": (1, 31, []),
    "month_of_year": (1, 12, MONTHS),
    "day_of_week": (0, 6, DAYS),
}
STARS = dict.fromkeys(RANGES, "*")


def meaning(field, spec):
    """Return the numbers that Celery reads in a field; ranges wrap around the end."""
    first, last, names = RANGES[field]

    def number(text):
        known = text[:3].lower() in names
        return first + names.index(text[:3].lower()) if known else int(text)

    found = set()
    for part in spec.split(","):
        base, _, step = part.partition("/")
        begin, _, end = (f"{first}-{last}" if base == "*" else base).partition("-")
        walk = [number(begin)]
        while end and walk[-1] != number(end):
            walk.append(walk[-1] + 1 if walk[-1] < last else first)
        found.update(walk[:: int(step or 1)])
    return found


def specs(field):
    """Return a strategy for the texts that Celery accepts in a field."""
    first, last, names = RANGES[field]
    numbers = st.integers(first, last)
    words = numbers.map(
        lambda number: names[number - first].title() if names else str(number)
    )
    number = numbers.map(str) | words
    step = st.integers(1, 8).map("/{}".format)
    span = st.tuples(number, number).map("-".join)
    star = st.just("*")
    part = number | span | st.tuples(span, step).map("".join) | star
    part |= st.tuples(star, step).map("".join)
    return star | st.lists(part, min_size=1, max_size=3).map(",".join)


def write(**fields):
    return translate(**(STARS | fields)).expression


@given(minute=specs("minute"), hour=specs("hour"))
def test_ticks_of_a_day_equal_those_of_celery(minute, hour):
    schedule = cron(write(minute=minute, hour=hour))
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    ticks = schedule.between(midnight - timedelta(seconds=1), midnight.replace(day=3))
    wanted = {
        midnight.replace(hour=h, minute=m)
        for h in meaning("hour", hour)
        for m in meaning("minute", minute)
    }
    assert set(ticks) - {midnight.replace(day=3)} == wanted


WEEKS = ["1-7", "8-14", "15-21", "22-28", "29-31", "1-14", "1-7,22-28", "1-15", "10-20"]


@given(
    days=specs("day_of_month") | st.sampled_from(WEEKS),
    months=specs("month_of_year"),
    weekdays=specs("day_of_week"),
    year=st.sampled_from([2024, 2025, 2026, 2027]),
)
def test_ticks_of_a_year_equal_those_of_celery(days, months, weekdays, year):
    first = datetime(year, 1, 1, tzinfo=UTC)
    wanted = [
        day
        for day in (first + timedelta(days=number) for number in range(365))
        # Celery requires a match of all three; cron, of either day field.
        if day.day in meaning("day_of_month", days)
        and day.month in meaning("month_of_year", months)
        and day.isoweekday() % 7 in meaning("day_of_week", weekdays)
    ]
    try:
        expression = write(
            minute="0",
            hour="0",
            day_of_month=days,
            month_of_year=months,
            day_of_week=weekdays,
        )
        schedule = cron(expression)
    except Untranslatable:
        assert 1 not in meaning("day_of_month", days)
        assert 0 not in meaning("day_of_week", weekdays)
        return
    except ValueError:
        # None of these months has such a day; Celery refuses the crontab, too.
        assert wanted == []
        return
    begin, end = first - timedelta(seconds=1), first + timedelta(days=364)
    assert list(schedule.between(begin, end)) == wanted


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ({}, "* * * * *"),
        ({"minute": "*/15", "hour": "8-18/3"}, "*/15 8-18/3 * * *"),
        ({"minute": "0,30", "hour": "22-2"}, "0,30 0-2,22,23 * * *"),
        ({"minute": "0-59"}, "* * * * *"),
        ({"minute": "5", "hour": "3-3/2"}, "5 3 * * *"),
        ({"day_of_week": "mon-fri"}, "* * * * MON-FRI"),
        ({"day_of_week": "1-5"}, "* * * * 1-5"),
        ({"day_of_week": "fri-mon"}, "* * * * SUN,MON,FRI,SAT"),
        ({"day_of_week": "Wednesday"}, "* * * * WED"),
        ({"month_of_year": "nov-jan"}, "* * * 1,11,12 *"),
        ({"month_of_year": "*/3"}, "* * * */3 *"),
        ({"day_of_month": "*/2"}, "* * */2 * *"),
        ({"day_of_month": "*/2", "day_of_week": "1"}, "* * */2 * 1"),
        ({"day_of_month": "13", "day_of_week": "*/2"}, "* * 13 * */2"),
        ({"day_of_month": "1-7", "day_of_week": "mon"}, "* * * * MON#1"),
        ({"day_of_month": "8-14", "day_of_week": "2"}, "* * * * TUE#2"),
        ({"day_of_month": "15-21", "day_of_week": "0"}, "* * * * SUN#3"),
        ({"day_of_month": "22-28", "day_of_week": "sat"}, "* * * * SAT#4"),
        (
            {"day_of_month": "1-7,15-21", "day_of_week": "mon,fri"},
            "* * * * FRI#1,MON#1,FRI#3,MON#3",
        ),
        ({"day_of_month": "1-15", "day_of_week": "1-5"}, "* * */31,1-15 * 1-5"),
        ({"day_of_month": "13", "day_of_week": "0"}, "* * 13 * */7,0"),
        ({"day_of_month": "1-31", "day_of_week": "0-6"}, "* * * * *"),
    ],
)
def test_crontabs_are_translated_to_cron_expressions(fields, expression):
    assert write(**fields) == expression


def test_unusual_translations_have_a_remark():
    assert not translate("0", "0", "1-7", "*", "mon").remark
    assert "*/31 is the 1st" in translate("0", "0", "1-15", "*", "mon").remark
    assert "*/7 is Sunday" in translate("0", "0", "13", "*", "sun").remark


def test_days_that_cron_cannot_express_are_refused():
    with pytest.raises(Untranslatable, match="day_of_month 13 and in day_of_week FRI"):
        translate("0", "0", "13", "*", "fri")


@pytest.mark.parametrize(
    ("field", "spec", "reason"),
    [
        ("day_of_week", "7", "'7' is not in 0-6; Sunday is 0"),
        ("day_of_month", "0", "'0' is not in 1-31"),
        ("month_of_year", "13", "'13' is not in 1-12"),
        ("minute", "", "'' is not in 0-59"),
        ("minute", "1,", "'' is not in 0-59"),
        ("minute", "60", "'60' is not in 0-59"),
        ("minute", "*/0", "zero"),
        ("minute", "*/", "''"),
        ("minute", "5/10", "'5/10' is not in 0-59"),
        ("hour", "soon", "'soon' is not in 0-23"),
        ("hour", "1 - 2", "'1 - 2' is not in 0-23"),
    ],
)
def test_fields_that_celery_cannot_read_are_refused(field, spec, reason):
    with pytest.raises(Unreadable, match=f"cannot read {field} ") as caught:
        write(**{field: spec})
    assert reason in str(caught.value)
