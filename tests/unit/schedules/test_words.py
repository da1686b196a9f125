"""Descriptions of schedules in words."""

import pytest
from django.utils import timezone, translation

from taskhub.admin.schedule_words import EVENTS, KINDS, UNITS, describe
from taskhub.schedules import parse, read
from taskhub.schedules.interval import UNITS as INTERVAL_UNITS
from taskhub.schedules.solar import EVENTS as SOLAR_EVENTS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cron 0 3 * * MON-FRI UTC", "At 03:00, Monday through Friday"),
        ("cron @daily UTC", "At 00:00"),
        ("cron 0 9 * * FRI#2 UTC", "At 09:00, on the second Friday of the month"),
        ("cron 0 0 L * * UTC", "At 00:00, on the last day of the month"),
        ("every 1 day", "Every day"),
        ("every 10 minutes", "Every 10 minutes"),
        ("every 500 milliseconds", "Every 500 milliseconds"),
        ("once 2027-01-01T00:00:00+00:00", "Once, on Fri 1 Jan 2027, 00:00"),
        ("solar sunset 52.52 -13.4", "At sunset, 52.52° N 13.4° W"),
        ("solar dusk_civil -33.9 18.4", "At civil dusk, 33.9° S 18.4° E"),
    ],
)
def test_every_kind_of_schedule_is_described(text, words):
    assert describe(parse(text)) == words


def test_either_day_is_distinguished_from_both_days():
    """One matching day field is enough, unless one of them begins with a star."""
    either = describe(parse("cron 0 0 1,15 * MON UTC"))
    both = describe(parse("cron 0 0 */2 * MON UTC"))

    assert either == (
        "At 00:00, on day 1 and 15 of the month, and at 00:00, only on Monday"
    )
    assert both == (
        "At 00:00, on day 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, and "
        "31 of the month, if also: at 00:00, only on Monday"
    )


@pytest.mark.parametrize(
    "fields", ["0 9 * * MON#1,MON#3", "0 0 L,15 * *", "25-45 2,* * 1 */2"]
)
def test_expressions_that_cannot_be_described_stay_cron(fields):
    assert describe(parse(f"cron {fields} UTC")) == fields


def test_the_time_zone_is_named_only_if_it_matters():
    nightly = parse("cron 0 3 * * * Europe/Berlin")

    assert describe(nightly) == "At 03:00 (Europe/Berlin)"
    assert describe(parse("cron */5 * * * * Europe/Berlin")) == "Every 5 minutes"
    with timezone.override("Europe/Berlin"):
        assert describe(nightly) == "At 03:00"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "Um 03:00, Montag bis Freitag"),
        ("pt-br", "Às 03:00, de Segunda-feira a Sexta-feira"),
        ("eo", "At 03:00, Monday through Friday"),
        (None, "At 03:00, Monday through Friday"),
    ],
)
def test_cron_is_described_in_the_active_language_if_possible(language, words):
    with translation.override(language):
        assert describe(parse("cron 0 3 * * MON-FRI UTC")) == words


def test_an_unreadable_schedule_is_shown_as_its_text():
    assert describe(read("cron 99 * * * *")) == "Unreadable: cron 99 * * * *"


def test_every_event_unit_and_kind_has_a_name():
    assert EVENTS.keys() == SOLAR_EVENTS.keys()
    assert UNITS.keys() == INTERVAL_UNITS.keys()
    assert set(KINDS) == {"cron", "every", "once", "solar"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("*/45 * * * *", "At 0 and 45 minutes past the hour"),
        ("0 */5 * * *", "At 00:00, 05:00, 10:00, 15:00 and 20:00"),
        ("0 0 1 */5 *", "only in January, June, and November"),
        ("0 0 */30 * *", "on day 1 and 31 of the month"),
        ("0 0 * * */3", "only on Sunday, Wednesday, and Saturday"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("0 */6 * * *", "Every 6 hours"),
    ],
)
def test_a_step_is_described_as_regular_only_if_it_is(fields, words):
    assert words in describe(parse(f"cron {fields} UTC"))
