"""Tasks whose parameters and return values have types that JSON does not have."""

import datetime
import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
from django.db.models import TextChoices

from taskhub import Context, task
from tests.models import Trace


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    BIG = 3


class State(TextChoices):
    PAID = "paid", "Paid"


@dataclass(frozen=True)
class Line:
    price: Decimal
    size: Size = Size.SMALL


@dataclass(frozen=True)
class Order:
    id: UUID
    lines: list[Line]
    due: datetime.datetime | None = None
    after: "Order | None" = None


class Point(msgspec.Struct, frozen=True):
    x: int
    at: datetime.date | None = None


class Address(TypedDict):
    street: str
    since: datetime.date


class Pair(NamedTuple):
    key: UUID
    count: int = 0


#: The type of each task in TYPED, by its name.
TYPES: dict[str, Any] = {
    "uuid": UUID,
    "datetime": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
    "timedelta": datetime.timedelta,
    "decimal": Decimal,
    "enum": Colour,
    "int_enum": Size,
    "choices": State,
    "bytes": bytes,
    "set": set[UUID],
    "frozenset": frozenset[int],
    "tuple": tuple[int, UUID],
    "any_tuple": tuple[datetime.date, ...],
    "dataclass": Order,
    "struct": Point,
    "typed_dict": Address,
    "named_tuple": Pair,
    "literal": Literal["a", "b"],
    "number": Literal[1, 3],
    "optional": UUID | None,
    "union": int | datetime.date | list[Decimal],
    "int_keys": dict[int, str],
    "date_keys": dict[datetime.date, Decimal],
    "limited": Annotated[int, msgspec.Meta(ge=1, le=3)],
}


def make_task(name, annotation):
    """Return a task that returns its argument, whose type has this annotation."""

    def function(value):
        return value

    function.__name__ = function.__qualname__ = f"return_{name}"
    function.__annotations__ = {"value": annotation, "return": annotation}
    return task(function)


TYPED = {name: make_task(name, annotation) for name, annotation in TYPES.items()}


@task
def describe(*args, **kwargs):
    """Return the arguments as Python writes them."""
    return repr((args, kwargs))


@task
async def describe_async(*args, **kwargs):
    return repr((args, kwargs))


@dataclass(frozen=True)
class Event:
    payload: dict[str, int]


@task(durable=False)
def empty(options, event: Event):
    """Change the arguments."""
    options.clear()
    event.payload.clear()
    return "emptied"


@task(durable=False)
def empty_plain(options):
    """Change the argument."""
    options.clear()
    return "emptied"


@task
def describe_typed(first: UUID, *rest: datetime.date, last=None, **others: Decimal):
    return repr((first, rest, last, others))


@task
def return_untyped(value):
    return {"value": value, "more": [value]}


@task(max_attempts=3)
def read_trace(trace: Trace):
    return f"{trace.label} of {trace.pid}"


@task(masked=["trace"])
def read_masked(trace: Trace): ...


@task(atomic=True)
def read_trace_atomically(trace: Trace):
    return f"{trace.label} of {trace.pid}"


@task(masked=["card"])
def charge_trace(card, trace: Trace): ...


@task
async def read_trace_async(trace: Trace):
    return f"{trace.label} of {trace.pid}"


@task
def read_optional_trace(trace: Trace | None):
    return str(trace)


@task
def read_traces(traces: list[Trace]):
    return [trace.label for trace in traces]


@task
def return_trace(trace: Trace) -> Trace:
    return trace


@task
def read_returned(id):
    """Read the return value of another result."""
    return return_trace.get_result(id).get().label


@dataclass(frozen=True)
class NumberedLine(Line):
    number: int = 7


@task
def return_subclass() -> Line:
    return NumberedLine(Decimal(1))


@task(takes_context=True)
def show_plain(context: Context, key: UUID):
    """Return the argument as the context shows it."""
    return context.task_result.args


@task
def return_wrong(value) -> UUID:
    return value


@task(masked=["colour"])
def paint(colour: Colour):
    return colour.name
