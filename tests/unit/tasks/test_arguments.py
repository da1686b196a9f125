"""Which arguments can be enqueued, and the errors for those that cannot."""

import datetime
import decimal
import enum
import inspect
import io
import pathlib
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import assume, given
from hypothesis import strategies as st

from taskhub.exceptions import InvalidArguments
from taskhub.foundation.values import MAX_DEPTH
from taskhub.tasks.arguments import check_arguments, check_fit, check_value


class Colour(TextChoices):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Shape(enum.Enum):
    ROUND = 1


@dataclass
class Point:
    x: int


def nested(levels):
    value = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2, range(2))), [1, [2, [0, 1]]]),
        (deque([1]), [1]),
        (OrderedDict(a=1), {"a": 1}),
        (b"text", "text"),
        (bytearray(b"text"), "text"),
        (mark_safe("<b>"), "<b>"),
        (Colour.RED, "red"),
        (Size.BIG, 3),
        (True, True),
        (nested(MAX_DEPTH), nested(MAX_DEPTH)),
    ],
)
def test_values_are_converted_to_json_types(value, expected):
    checked = check_value(value, "args[0]")

    assert checked == expected
    assert type(checked) is type(expected)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (
            {1, 2},
            "Unsupported type: args[0] is of type set, which JSON",
        ),
        (frozenset(), "pass a sorted list"),
        (datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), "value.isoformat()"),
        (datetime.date(2026, 1, 1), "pass value.isoformat()"),
        (datetime.timedelta(1), "pass value.total_seconds()"),
        (
            decimal.Decimal("1.1"),
            "args[0] is of type Decimal, which JSON cannot carry",
        ),
        (uuid.uuid4(), "is of type UUID, which JSON cannot carry; pass str(value)."),
        (float("nan"), "args[0] is nan, which JSON does not have; pass None"),
        (float("-inf"), "is -inf, which JSON does not have"),
        (
            User(username="a"),
            "JSON cannot carry; annotate its parameter (value: User), or pass its",
        ),
        (type("Upload", (), {})(), "is of type Upload, which JSON"),
        (User.objects.all(), "pass a list of primary keys"),
        (pathlib.Path("x"), "pass str(value)"),
        (io.BytesIO(), "save it and pass its name"),
        (HttpRequest(), "pass the values that the task needs from it"),
        (gettext_lazy("Monday"), "pass str(value)"),
        (Shape.ROUND, "pass value.value"),
        (
            Point(1),
            "its parameter (value: Point), or pass dataclasses.asdict(value)",
        ),
        ((x for x in ()), "pass list(value)"),
        (b"\xff", "is bytes that are not UTF-8; pass base64"),
        ("a\0", "contains a NUL or a lone surrogate"),
        ("\ud800", "contains a NUL or a lone surrogate"),
        ({"\0": 1}, "a key of args[0] contains a NUL"),
        ({1: 2}, "args[0] has the key 1, but keys in JSON are strings; pass '1'"),
        (nested(MAX_DEPTH + 1), "nests deeper than 28 levels; pass flatter data"),
        (object(), "pass strings, numbers, booleans, None, lists and dicts"),
        (test_values_are_converted_to_json_types, "pass its name"),
    ],
)
def test_unsupported_values_are_refused_with_advice(value, advice):
    with pytest.raises(InvalidArguments) as caught:
        check_value(value, "args[0]")

    assert advice in str(caught.value)


def test_an_error_names_the_place_of_the_value():
    with pytest.raises(
        InvalidArguments, match=r"kwargs\['user'\]\['tags'\]\[1\] is of type"
    ):
        check_arguments(lambda user: None, False, [], {"user": {"tags": ["a", {1}]}})


def send_welcome(user_id, *, language="en"): ...


def takes_anything(*args, **kwargs): ...


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ([], {}, "missing a required argument: 'user_id'"),
        ([1, 2], {}, "too many positional arguments"),
        ([1], {"langauge": "de"}, "'langauge'; did you mean 'language'?"),
        ([1], {"user_id": 1}, "multiple values for argument 'user_id'"),
    ],
)
def test_arguments_are_checked_against_the_signature(args, kwargs, message):
    with pytest.raises(InvalidArguments) as caught:
        check_arguments(send_welcome, False, args, kwargs)

    assert str(caught.value).startswith("send_welcome() cannot be called with ")
    assert message in str(caught.value)
    signature = "send_welcome(user_id, *, language='en')"
    assert str(caught.value).endswith(f"Its signature is {signature}.")


def test_the_context_is_not_an_argument():
    def with_context(context, user_id): ...

    assert check_arguments(with_context, True, [1], {}) == ([1], {})
    with pytest.raises(
        InvalidArguments, match=r"Its signature is with_context\(user_id\)"
    ):
        check_arguments(with_context, True, [1, 2], {})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda children: st.lists(children) | st.dictionaries(st.text("abc"), children),
    max_leaves=20,
)


@given(JSON)
def test_json_values_are_not_changed(value):
    args, kwargs = check_arguments(takes_anything, False, [value], {"key": value})

    assert args == [value]
    assert kwargs == {"key": value}


@pytest.mark.parametrize(
    ("wrap", "where"),
    [
        (lambda huge: huge, "args[0]"),
        (lambda huge: {"a": [-huge]}, "args[0]['a'][0]"),
        (lambda huge: {huge: 1}, "a key of args[0]"),
    ],
)
def test_integers_of_more_than_4300_digits_are_refused(wrap, where):
    assert check_value(10**4_299, "args[0]") == 10**4_299

    with pytest.raises(InvalidArguments) as caught:
        check_value(wrap(10**4_300), "args[0]")

    assert str(caught.value) == (
        f"{where} is an integer of more than 4,300 digits; pass hex(value) and read it "
        "back with int(text, 16)."
    )


def plain(a, b, c=0): ...
def by_keyword(a, *, b, c=0): ...
def by_place(a, b=0, /, c=0): ...
def many(a, *rest, b=0): ...
def any_keyword(a, b=0, **rest): ...
def nothing(): ...


@given(
    function=st.sampled_from([plain, by_keyword, by_place, many, any_keyword, nothing]),
    takes_context=st.booleans(),
    args=st.lists(st.integers(), max_size=4),
    kwargs=st.dictionaries(st.sampled_from("abcd"), st.integers()),
)
def test_arguments_fit_if_python_would_accept_them(
    function, takes_context, args, kwargs
):
    context = [object()] if takes_context else []
    assume(not takes_context or "a" not in kwargs)
    assume(not takes_context or function is not nothing)

    assert fits(function, takes_context, args, kwargs) == binds(
        function, [*context, *args], kwargs
    )


def fits(function, takes_context, args, kwargs):
    try:
        check_fit(function, takes_context, args, kwargs)
    except InvalidArguments:
        return False
    return True


def binds(function, args, kwargs):
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    return True
