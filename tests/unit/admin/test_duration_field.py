"""The form field for durations."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from taskhub.admin.forms.duration import DurationField, write_duration


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90 seconds", timedelta(seconds=90)),
        (" 10  Minutes ", timedelta(minutes=10)),
        ("1 hour", timedelta(hours=1)),
        ("2 days", timedelta(days=2)),
        ("500 milliseconds", timedelta(milliseconds=500)),
        ("1:30:00", timedelta(hours=1, minutes=30)),
        ("1 02:03:00", timedelta(days=1, hours=2, minutes=3)),
        ("0", timedelta(0)),
        ("90", timedelta(seconds=90)),
    ],
)
def test_durations_are_read_from_words_and_clock_times(text, meant):
    assert DurationField().clean(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10 minuts", "such as 10 minutes or 1:30:00"),
        ("soon", "such as 10 minutes or 1:30:00"),
        ("10 minutes\0", "such as 10 minutes or 1:30:00"),
        ("", "required"),
        ("-3", "greater than or equal to"),
        ("99999 weeks", "such as 10 minutes"),
        ("40000 00:00:00", "less than or equal to"),
        ("9" * 400 + " weeks", "such as 10 minutes"),
    ],
)
def test_invalid_durations_are_refused_with_a_reason(text, said):
    with pytest.raises(ValidationError, match=said):
        DurationField().clean(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_000)))
def test_a_written_duration_can_be_read_again(span):
    assert DurationField().clean(write_duration(span)) == span


def test_durations_are_written_in_words():
    assert write_duration(timedelta(hours=1, minutes=30)) == "90 minutes"
    assert write_duration(timedelta(days=2)) == "2 days"
    assert write_duration(timedelta(hours=1)) == "1 hour"
    assert write_duration(timedelta(seconds=1.5)) == "00:00:01.500000"


def test_no_text_gives_none_or_the_empty_value_of_the_field():
    assert DurationField(required=False).clean("") is None
    day = timedelta(days=1)
    assert DurationField(required=False, empty_value=day).clean("") == day


def test_another_notation_of_the_same_duration_is_no_change():
    field = DurationField(required=False)
    assert not field.has_changed(timedelta(minutes=90), "1:30:00")
    assert field.has_changed(timedelta(minutes=90), "2 hours")
    assert not field.has_changed(None, "")
