"""Calls: the arguments of many runs, for `enqueue_many`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec

from taskhub.exceptions import InvalidArguments
from taskhub.tasks.arguments import Arguments

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, repr=False)
class Call(Generic[P]):
    """The arguments of one run; `task.bind()` makes a call for `enqueue_many`."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


#: Positional arguments or keyword arguments.
LooseCall = tuple[Any, ...] | list[Any] | Mapping[str, Any]


def check_positional(args: Any, what: str) -> None:
    """Raise InvalidArguments if `args` is a single value or a dict; None is allowed."""
    is_iterable = args is None or isinstance(args, Iterable)
    if not is_iterable or isinstance(args, str | bytes | bytearray | Mapping):
        raise InvalidArguments(
            f"{what} takes a tuple or list of positional arguments, such as (value,), "
            f"not a single {_name(args)}."
        )


def read_calls(calls: Iterable[Any]) -> list[Arguments]:
    """Return each call's arguments. Raise InvalidArguments for anything but a call."""
    if isinstance(calls, str | bytes | Mapping | Call):
        raise InvalidArguments(
            f"enqueue_many() takes a list of calls, not a single {_name(calls)}; put "
            "it into a list."
        )
    return [_read_call(call, index) for index, call in enumerate(calls)]


def _read_call(call: Any, index: int) -> Arguments:
    if isinstance(call, Call):
        return call.args, call.kwargs
    if isinstance(call, Mapping):
        return (), call
    if isinstance(call, Sequence) and not isinstance(call, str | bytes | bytearray):
        return call, {}
    # The message leaves the value out, which may be masked.
    raise InvalidArguments(
        f"Call {index} of enqueue_many() is a single {_name(call)}; expected a tuple "
        "of positional arguments, such as (value,), or a dict of keyword arguments."
    )


def _name(value: object) -> str:
    return type(value).__qualname__
