"""Codecs: what they carry, what they refuse, and which annotations cannot be used."""

import collections
import datetime
import enum
import functools
import io
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from django.contrib.auth.models import AbstractUser, User
from django.core.management import call_command
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from hypothesis import given
from hypothesis import strategies as st

from taskhub import task
from taskhub.exceptions import InvalidArguments
from taskhub.tasks import registry
from taskhub.tasks.codec import codec_of, decode, encode, faults_of, noted_types
from tests.typed_tasks import TYPES, Address, Colour, Line, Order, Pair, Point, Size

if TYPE_CHECKING:
    from tests.typed_tasks import State

KEY = UUID(int=7)
DAY = datetime.date(2026, 11, 23)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
OFFSETS = st.integers(-23 * 60, 23 * 60).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)
MOMENTS = st.datetimes(timezones=OFFSETS)
DECIMALS = st.decimals(allow_nan=False)
LINES = st.builds(Line, DECIMALS, st.sampled_from(Size))

#: Any value of each type in TYPES.
STRATEGIES = {
    "uuid": st.uuids(),
    "datetime": MOMENTS,
    "date": st.dates(),
    "time": st.times(),
    "timedelta": st.timedeltas(),
    "decimal": DECIMALS,
    "enum": st.sampled_from(Colour),
    "int_enum": st.sampled_from(Size),
    "choices": st.just(TYPES["choices"].PAID),
    "bytes": st.binary(),
    "set": st.sets(st.uuids()),
    "frozenset": st.frozensets(st.integers(-(2**63), 2**63)),
    "tuple": st.tuples(st.integers(-5, 5), st.uuids()),
    "any_tuple": st.lists(st.dates()).map(tuple),
    "dataclass": st.recursive(
        st.builds(Order, st.uuids(), st.lists(LINES), st.none() | MOMENTS, st.none()),
        lambda orders: st.builds(Order, st.uuids(), st.just([]), st.none(), orders),
        max_leaves=3,
    ),
    "struct": st.builds(Point, st.integers(-5, 5), st.none() | st.dates()),
    "typed_dict": st.fixed_dictionaries({"street": TEXT, "since": st.dates()}),
    "named_tuple": st.builds(Pair, st.uuids(), st.integers(-5, 5)),
    "literal": st.sampled_from(["a", "b"]),
    "number": st.sampled_from([1, 3]),
    "optional": st.none() | st.uuids(),
    "union": st.integers(-5, 5) | st.dates() | st.lists(DECIMALS),
    "int_keys": st.dictionaries(st.integers(-5, 5), TEXT),
    "date_keys": st.dictionaries(st.dates(), DECIMALS),
    "limited": st.integers(1, 3),
}


def anything(value): ...


def taking(annotation):
    """Return a function with a parameter of this annotation."""

    def function(value): ...

    function.__annotations__ = {"value": annotation}
    return function


def saved(instance):
    """Return an instance as if it was in the database."""
    instance._state.adding = False
    return instance


def sent(function, value):
    """Return an argument as a worker receives it; the row has JSON."""
    encoded = encode(function, False, [value], {})
    # What a database and a broker make of it.
    args = msgspec.json.decode(msgspec.json.encode(encoded.args))
    assert args == encoded.args
    (arrived,), _kwargs = decode(function, False, args, {}, encoded.types)
    return arrived


FUNCTIONS = {name: taking(annotation) for name, annotation in TYPES.items()}


@pytest.mark.parametrize("name", TYPES)
@given(data=st.data())
def test_any_value_arrives_as_it_was(name, data):
    value = data.draw(STRATEGIES[name])

    arrived = sent(FUNCTIONS[name], value)

    assert arrived == value
    assert type(arrived) is type(value)


@given(
    st.datetimes(
        min_value=datetime.datetime(1, 1, 3),  # noqa: DTZ001
        max_value=datetime.datetime(9999, 12, 28),  # noqa: DTZ001
        timezones=st.timezones(),
    )
)
def test_a_datetime_of_any_zone_arrives_as_the_same_moment(moment):
    """Local mean times have seconds in their offset, and some times occur twice."""
    for function in (anything, FUNCTIONS["datetime"]):
        arrived = sent(function, moment)

        assert arrived.astimezone(datetime.UTC) == moment.astimezone(datetime.UTC)


NOTED = {
    UUID: st.uuids(),
    datetime.datetime: MOMENTS,
    datetime.date: st.dates(),
    datetime.time: st.times(),
    datetime.timedelta: st.timedeltas(),
    Decimal: DECIMALS,
}


@given(
    st.recursive(
        st.one_of(*NOTED.values()) | TEXT | st.none() | st.booleans(),
        lambda children: st.lists(children) | st.dictionaries(TEXT, children),
        max_leaves=10,
    )
)
def test_values_without_an_annotation_arrive_as_they_were(value):
    assert sent(anything, value) == value


def test_the_list_of_noted_types_is_closed():
    assert set(noted_types._TYPES.values()) == set(NOTED)

    with pytest.raises(InvalidArguments, match=r"args\[0\] is not a valid colour"):
        noted_types.restore("red", "args[0]", {"args[0]": "colour"})
    with pytest.raises(InvalidArguments, match=r"args\[0\] is not a valid uuid"):
        noted_types.restore("red", "args[0]", {"args[0]": "uuid"})


def test_a_function_without_types_has_no_codec():
    def plain(
        a,
        b: Any,
        c: int | None,
        d: list[dict[str, float]],
        e: Sequence[str],
        f: Mapping[str, Any],
        g: Iterable[int],
        h: object,
        i: bool = True,
        *rest: str,
        **others: dict,
    ): ...

    assert codec_of(plain, False) is None
    assert faults_of(plain, False) == {}


class Day(datetime.date):
    """A subclass, as libraries have them."""


class Text(str):
    """A subclass of str."""


@dataclass
class Note:
    text: str
    tags: set[str] = field(default_factory=set)


@pytest.mark.parametrize(
    ("annotation", "value", "arrived"),
    [
        (datetime.date, Day(2026, 11, 23), DAY),
        (Note, Note(Text("x"), {Text("y")}), Note("x", {"y"})),
        (Line, {"price": "1.50"}, Line(Decimal("1.50"))),
        (UUID, str(KEY), KEY),
        (Decimal, 1.1, Decimal("1.1")),
        (list[UUID], (KEY,), [KEY]),
        (list[UUID], {KEY}, [KEY]),
        (set[UUID], {str(KEY)}, {KEY}),
        (list[Line], [{"price": "1.50"}], [Line(Decimal("1.50"))]),
        (dict[int, UUID], {"1": str(KEY)}, {1: KEY}),
        (dict[int, UUID], {Size.BIG: KEY}, {3: KEY}),
    ],
)
def test_similar_values_and_json_are_converted(annotation, value, arrived):
    assert sent(taking(annotation), value) == arrived


class Cat(msgspec.Struct, tag=True):
    """One of two kinds of animals, which JSON tells apart by a tag."""


class Dog(msgspec.Struct, tag=True):
    """The other kind."""


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (
            UUID,
            "x",
            "('value') does not fit its annotation, UUID: Invalid UUID.",
        ),
        (UUID, DAY, "Invalid UUID"),
        (UUID, None, "Expected `uuid`, got `null`"),
        (datetime.date, 7, "Expected `date`, got `int`"),
        (datetime.datetime, datetime.datetime(2026, 1, 1), "args[0] is a naive datet"),  # noqa: DTZ001
        (datetime.datetime, "2026-01-01T00:00:00", "with a timezone component"),
        (
            list[datetime.datetime],
            ["2026-01-01T00:00:00"],
            "timezone component - at `$",
        ),
        (Colour | None, "secret", "annotation, Colour | None: Invalid enum value."),
        (Literal["a"], "secret", "Invalid enum value."),
        (Cat | Dog, {"type": "secret"}, "Invalid value - at `$.type`"),
        (Annotated[int, msgspec.Meta(le=3)], 4, "Expected `int` <= 3"),
        (
            Order,
            {"id": str(KEY), "lines": [{"price": 1}, {"price": []}]},
            "`$.lines[1].price`.",
        ),
        (Note, Note("a\0"), "args[0]['text'] contains a NUL"),
        (Note, Note("a", {float("nan")}), "args[0]['tags'][0] is nan"),
        (Note, object(), "has a value of type object, which JSON cannot carry"),
        (User, User(username="a"), "has a User that is not saved; save it first."),
        (User, User(pk=7), "has a User that is not saved; save it first."),
        (User, "secret", "Expected the primary key of `User`."),
        (User, None, "Expected the primary key of `User`"),
        (User, True, "Expected the primary key of `User`"),
        (list[User], User.objects.none(), "has a value of type QuerySet"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(annotation, value, message):
    with pytest.raises(InvalidArguments) as caught:
        encode(taking(annotation), False, [value], {})

    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_naive_datetime_without_an_annotation_is_refused():
    with pytest.raises(
        InvalidArguments, match=r"^Unsupported type: .*\['at'\] is a naive datetime"
    ):
        encode(anything, False, [{"at": datetime.datetime(2026, 1, 1)}], {})  # noqa: DTZ001


@dataclass
class Picky:
    amount: Decimal

    def __eq__(self, other):
        raise TypeError("It cannot be compared.")

    __hash__ = None


@dataclass
class SignedNote(Note):
    by: str = ""


@dataclass
class Event:
    payload: dict[str, Any]


class Untyped(collections.namedtuple("Untyped", "first second")):
    """A named tuple whose fields have no types."""


@pytest.mark.parametrize(
    ("annotation", "value", "loss"),
    [
        (Note, SignedNote("x", by="ada"), "args[0] is of type SignedNote, and would"),
        (list[Note], [SignedNote("x")], "args[0][0] is of type SignedNote"),
        (tuple, (1, KEY), "args[0][1] is of type UUID, and would arrive as type str"),
        (set, {KEY}, "args[0] would arrive with another value"),
        (Untyped, Untyped(1, DAY), "args[0][1] is of type date"),
        (Event, Event({"id": KEY}), "args[0]['payload']['id'] is of type UUID"),
        (Event, Event({1: "x"}), "args[0]['payload'] would arrive with another"),
        (Event, Event({"x": Note("x")}), "args[0]['payload']['x'] is of type Note"),
        (Address, {"street": "x", "since": DAY, "no": 7}, "args[0] would arrive"),
        (Decimal, saved(User(pk=7)), "args[0] is of type User, and would arrive as"),
    ],
)
def test_a_value_that_would_arrive_changed_is_refused(annotation, value, loss):
    with pytest.raises(InvalidArguments) as caught:
        encode(taking(annotation), False, [value], {})

    assert str(caught.value).startswith(loss)
    assert "The annotation of 'value' is" in str(caught.value)


def test_a_value_that_cannot_be_compared_arrives():
    arrived = sent(taking(list[Picky]), [Picky(Decimal("sNaN"))])

    assert arrived[0].amount.is_snan()


class Broken(msgspec.Struct):
    """Its code raises an error of its own."""

    value: int

    def __post_init__(self) -> None:
        raise LookupError("It is broken.")


def test_errors_of_the_sites_classes_are_reported_as_misfits():
    with pytest.raises(InvalidArguments, match="annotation, Broken: It is broken"):
        encode(taking(Broken), False, [{"value": 1}], {})


class Mixed(enum.Enum):
    """An enum whose values are of several types."""

    ONE = 1
    TWO = (1, 2)


@dataclass
class Upload:
    request: HttpRequest


@pytest.mark.parametrize(
    ("annotation", "fault"),
    [
        ("State", "cannot be evaluated (name 'State' is not defined); import its"),
        ("list[State]", "cannot be evaluated"),
        (str | datetime.datetime, "cannot be converted from JSON (Type unions may not"),
        (Mixed, "cannot be converted from JSON (Enums must contain either all str or"),
        (
            HttpRequest,
            "never travels: HttpRequest belongs to one process; pass",
        ),
        (Upload, "never travels: HttpRequest"),
        (list[Upload] | None, "never travels: HttpRequest"),
        (QuerySet, "never travels: QuerySet belongs to one process; pass a list of"),
        (io.BytesIO, "never travels: BytesIO belongs to one process; save it and pass"),
        (IO[str], "never travels: IO"),
        (
            Callable[[int], int],
            "never travels: Callable belongs to one process; pass",
        ),
        (type[int], "never travels: type"),
        (Path, "has Path, which taskhub cannot convert; pass str(value)"),
        (AbstractUser, "has AbstractUser, which is abstract and has no rows; use one"),
        (list[Model], "has Model, which is abstract"),
        (complex, "has complex, which taskhub cannot convert; use a dataclass"),
    ],
)
def test_annotations_whose_values_cannot_travel_have_a_fault(annotation, fault):
    function = taking(annotation)
    function.__annotations__["other"] = UUID

    assert fault in faults_of(function, False)["value"]
    assert "other" not in faults_of(function, False)
    # The parameter is plain.
    assert sent(function, ["text"]) == ["text"]


def test_one_annotation_that_cannot_be_evaluated_leaves_the_others():
    def function(one: "State", two: UUID): ...

    encoded = encode(function, False, ["a", KEY], {})

    assert encoded.types is None
    assert decode(function, False, *([encoded.args, encoded.kwargs])) == (
        ["a", KEY],
        {},
    )


def test_names_are_looked_up_where_a_wrapped_function_is_defined():
    def wrapped(one: "Missing", two: "Colour"): ...  # noqa: F821

    wrapper = types.FunctionType((lambda *args: None).__code__, {})
    functools.update_wrapper(wrapper, wrapped)

    assert faults_of(wrapper, False).keys() == {"one"}
    assert codec_of(wrapper, False).named("two").annotation is Colour


def test_the_annotation_of_the_context_does_not_matter():
    def function(context: "State", key: UUID): ...

    assert faults_of(function, True) == {}


def upload(request: HttpRequest, state: "State") -> Address: ...


def test_the_system_check_names_tasks_and_parameters(capsys, monkeypatch):
    monkeypatch.setattr(registry, "_tasks", {})
    task(upload)

    call_command("check", "--tag=taskhub")

    report = capsys.readouterr().err
    assert report.count("(taskhub.W007)") == 2
    path = "tests.unit.tasks.test_codec.upload"
    assert (
        f"The annotation of the parameter 'request' of {path} never travels" in report
    )
    assert f"The annotation of the parameter 'state' of {path} cannot be" in report
