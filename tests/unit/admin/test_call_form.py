"""The form made from the signature of a task: fields, values and arguments."""

import pytest
from django import forms

from taskhub import task
from taskhub.admin.forms.call_form import CallForm
from taskhub.tasks import registry
from tests import tasks

UNSENDABLE = object()


def fields(form):
    """Return the types of the fields of a form by parameter name."""
    return {
        name.removeprefix("arg_"): type(field).__name__
        for name, field in form.fields.items()
    }


def written(form, **changes):
    """Return what a browser submits: the values that the form shows, with changes."""
    data = {}
    for bound in form:
        value = bound.value()
        is_box = isinstance(bound.field.widget, forms.CheckboxInput)
        if value not in (None, False, "") and not (is_box and not value):
            data[bound.name] = "on" if is_box else str(value)
    data |= {f"arg_{name}": value for name, value in changes.items()}
    return {name: value for name, value in data.items() if value is not None}


def call(a_task, *, old=None, **changes):
    """Submit the form with changes; return the arguments, or the errors."""
    data = written(CallForm(a_task, old=old), **changes)
    form = CallForm(a_task, data, old=old)
    if form.is_valid():
        return form.call()
    return {name.removeprefix("arg_"): errors for name, errors in form.errors.items()}


def test_each_parameter_has_a_field_of_its_kind():
    form = CallForm(tasks.order)

    assert fields(form) == {
        "number": "IntegerField",
        "card": "CharField",
        "address": "CharField",
        "paid": "BooleanField",
        "weight": "FloatField",
        "speed": "TypedChoiceField",
        "boxes": "TypedJSONField",
        "labels": "TypedJSONField",
        "is_vip": "BooleanField",
        "tier": "TypedChoiceField",
        "secrets": "TypedJSONField",
        "extra": "TypedJSONField",
    }
    required = {name for name, field in form.fields.items() if field.required}
    assert required == {"arg_number", "arg_card"}
    assert form.fields["arg_number"].help_text == "int"
    assert form.fields["arg_weight"].help_text == "float | None"
    assert form["arg_address"].value() == "Main Street"


def test_arguments_equal_to_their_default_are_left_out():
    assert call(tasks.order, number="7", card="x") == ([7, "x"], {})


def test_submitted_values_become_arguments():
    assert call(
        tasks.order,
        number="7",
        card=" x ",
        address="",
        paid="on",
        weight="1.5",
        speed="fast",
        boxes="[1, 2]",
        labels='{"a": "b"}',
        extra='"text"',
    ) == (
        [7, " x "],
        {
            "address": "",
            "paid": True,
            "weight": 1.5,
            "speed": "fast",
            "boxes": [1, 2],
            "labels": {"a": "b"},
            "extra": "text",
        },
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "seven"),
        ("number", ""),
        ("card", ""),
        ("card", "\0"),
        ("weight", "heavy"),
        ("weight", "nan"),
        ("speed", "medium"),
        ("boxes", "{}"),
        ("labels", "[]"),
        ("labels", "text"),
        ("extra", "text"),
        ("extra", "NaN"),
        ("extra", '"\\ud800"'),
    ],
)
def test_an_invalid_value_is_reported_at_its_field(name, value):
    assert call(tasks.order, **{"number": "7", "card": "x", name: value}).keys() == {
        name
    }


def test_parameters_before_rest_arguments_are_passed_by_position():
    assert call(tasks.gather, first="1") == ([], {"first": 1})
    assert call(tasks.gather, first="1", rest="[3]") == ([1, 2, 3], {})
    assert call(tasks.gather, first="1", options='{"a": "b"}') == (
        [],
        {"first": 1, "a": "b"},
    )


def test_extra_keywords_must_not_name_a_parameter():
    faults = call(tasks.gather, first="1", options='{"second": "b"}')

    assert faults == {"options": ["“second” has a field of its own."]}


def test_old_arguments_are_kept_if_they_are_not_changed():
    old = ([7, "4711"], {"paid": True, "weight": None, "extra": None, "is_vip": True})

    assert call(tasks.order, old=old) == old
    assert call(tasks.order, old=old, number="8") == ([8, "4711"], old[1])


def test_old_positional_arguments_become_keywords_if_possible():
    assert call(tasks.gather, old=([1, 5], {})) == ([], {"first": 1, "second": 5})
    assert call(tasks.gather, old=([1, 5, 6], {"a": "b"})) == ([1, 5, 6], {"a": "b"})


def test_masked_values_are_not_shown_and_can_be_replaced():
    old = ([7, "4711"], {"is_vip": True, "tier": 2, "secrets": ["hunter2"]})
    form = CallForm(tasks.order, old=old)

    page = form.as_p()
    assert "4711" not in page
    assert "hunter2" not in page
    assert "keep the value" in page
    assert call(tasks.order, old=old, card="0815")[0] == [7, "0815"]
    assert call(tasks.order, old=old, is_vip="false") == (
        [7, "4711"],
        {"tier": 2, "secrets": ["hunter2"]},
    )
    assert call(tasks.order, old=old, tier="1", secrets='["x"]') == (
        [7, "4711"],
        {"is_vip": True, "secrets": ["x"]},
    )


def test_masked_values_are_not_sent_back_with_errors():
    form = CallForm(tasks.order, {"arg_number": "x", "arg_card": "4711"})

    assert not form.is_valid()
    assert "4711" not in form.as_p()


def test_old_arguments_that_do_not_fit_the_signature_are_detected():
    form = CallForm(tasks.add, old=([1, 2, 3], {}))

    assert not form.fits
    assert form["arg_a"].value() in (None, "")


def test_text_of_several_lines_gets_a_textarea():
    form = CallForm(tasks.order, old=([7, "x", "Main\nStreet"], {}))

    assert isinstance(form.fields["arg_address"].widget, forms.Textarea)


def odd_annotation(a: "NoSuchType", b: "int" = UNSENDABLE):  # noqa: F821
    """A function with an annotation that cannot be resolved."""


def test_a_parameter_with_an_unknown_annotation_gets_a_json_field(monkeypatch):
    # A registered task with this annotation would be warned of in other tests.
    monkeypatch.setattr(registry, "_tasks", {})

    form = CallForm(task(odd_annotation))

    assert fields(form) == {"a": "TypedJSONField", "b": "IntegerField"}
