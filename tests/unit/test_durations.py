"""Durations as people write them."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub.admin.forms.durations import DurationField, read_duration, write_duration


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90 s", timedelta(seconds=90)),
        ("10 minutes", timedelta(minutes=10)),
        ("2 days", timedelta(days=2)),
        ("1h 30m", timedelta(hours=1, minutes=30)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1 day, 2 hours and 3 min", timedelta(days=1, hours=2, minutes=3)),
        (" 1.5 H ", timedelta(minutes=90)),
        ("500ms", timedelta(milliseconds=500)),
        ("0", timedelta(0)),
    ],
)
def test_it_is_read_as_it_is_meant(text, meant):
    assert read_duration(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5", "5 of what? Write 5 s, 5 minutes or 5 hours."),
        ("10 minuts", "did you mean 'minutes'?"),
        ("-3 s", "cannot be negative"),
        ("soon", "'soon' is no duration; write it such as 90 s"),
        ("", "is no duration"),
        ("101 weeks, 99 years", "There is no unit 'years'"),
        ("99999 weeks", "at most 100 years"),
        ("9" * 400 + " weeks", "at most 100 years"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_was_expected(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        read_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_000)))
def test_what_is_shown_can_be_read_again(span):
    assert read_duration(write_duration(span)) == span


def test_it_is_shown_in_words():
    assert write_duration(timedelta(hours=1, minutes=30)) == "1 hour 30 minutes"
    assert write_duration(timedelta(days=2)) == "2 days"
    assert write_duration(timedelta(seconds=1.5)) == "1.5 seconds"


def test_nothing_is_none_or_what_the_field_says():
    assert DurationField(required=False).clean(" ") is None
    day = timedelta(days=1)
    assert DurationField(required=False, empty_value=day).clean("") == day


def test_another_way_to_write_it_is_no_change():
    field = DurationField(required=False)
    assert not field.has_changed(timedelta(minutes=90), "1.5 hours")
    assert field.has_changed(timedelta(minutes=90), "2 hours")
    assert not field.has_changed(None, "")
