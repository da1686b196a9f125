"""Fields for parameters whose values JSON does not have."""

import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django import forms

from taskhub import task
from taskhub.admin.forms.call_form import CallForm
from tests.models import Trace
from tests.typed_tasks import Colour, Line, State
from tests.unit.admin.test_call_form import call, fields, written

KEY = "0193a3c1-54a5-7ccb-a3d4-3f2d7d3b1f00"


@task(masked=["secret"])
def book(
    key: UUID,
    at: datetime.datetime,
    trace: Trace,
    day: datetime.date | None = None,
    price: Decimal = Decimal("1.50"),
    colour: Colour = Colour.RED,
    state: State | None = None,
    lines: list[Line] | None = None,
    secret: datetime.datetime | None = None,
    *rest: Decimal,
): ...


GIVEN: dict[str, Any] = {"key": KEY, "trace": "7", "at_0": "2026-11-23", "at_1": "9:00"}
MOMENT = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
SENT = {"key": KEY, "trace": 7, "at": "2026-11-23T09:00:00Z"}


def test_each_type_has_a_field_of_its_kind():
    form = CallForm(book)

    assert fields(form) == {
        "key": "_TextField",
        "at": "MomentField",
        "trace": "_KeyField",
        "day": "_TextField",
        "price": "_TextField",
        "colour": "TypedChoiceField",
        "state": "TypedChoiceField",
        "lines": "TypedJSONField",
        "secret": "_TextField",
        "rest": "TypedJSONField",
    }
    assert form.fields["arg_state"].choices[1:] == [("paid", "Paid")]
    assert form.fields["arg_colour"].choices[1] == ("red", "RED")
    assert isinstance(form.fields["arg_secret"].widget, forms.PasswordInput)


def test_values_become_json_and_defaults_are_left_out():
    shown = written(CallForm(book))

    assert shown == {"arg_price": "1.50", "arg_colour": "red"}
    assert call(book, **GIVEN) == ([], SENT)
    assert call(book, **GIVEN, day="2026-11-24", colour="blue", price="2") == (
        [],
        SENT | {"day": "2026-11-24", "colour": "blue", "price": "2"},
    )


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("key", "x", "does not fit its annotation, UUID: Invalid UUID."),
        ("at_0", "tomorrow", "Enter a valid date."),
        ("trace", "x", "value must be an integer."),
        ("day", "23.11.2026", "does not fit its annotation, date | None"),
        ("price", "cheap", "Invalid decimal string"),
        ("colour", "green", "Select a valid choice."),
        ("lines", '[{"price": []}]', "Expected `decimal`, got `array`"),
        ("rest", '["1", "x"]', "Invalid decimal string"),
    ],
)
def test_a_value_that_does_not_fit_is_reported_at_its_field(name, value, error):
    faults = call(book, **GIVEN | {name: value})

    assert faults.keys() == {name.removesuffix("_0")}
    ((text,),) = faults.values()
    assert error in text


def test_old_arguments_are_shown_and_kept():
    old = ([], SENT | {"state": "paid", "secret": "2026-01-01T00:00:00Z"})

    form = CallForm(book, old=old)

    assert form["arg_key"].value() == KEY
    assert form["arg_at"].value() == datetime.datetime(
        2026, 11, 23, 9, tzinfo=datetime.UTC
    )
    assert "2026-01-01" not in form.as_p()
    moment = {"at_0": "2026-11-23", "at_1": "09:00:00"}
    assert call(book, old=old, at=None, **moment) == old


@task
def untyped(value, other=None): ...


def test_an_old_value_that_is_not_edited_keeps_its_noted_type():
    old, types = ([KEY], {"other": 1}), {"args[0]": "uuid"}
    data = written(CallForm(untyped, old=old, types=types))

    form = CallForm(untyped, data | {"arg_other": "2"}, old=old, types=types)

    assert form.is_valid(), form.errors
    assert form.call() == ([], {"value": UUID(KEY), "other": 2})
