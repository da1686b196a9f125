"""
The options of tasks that a site sets in OPTIONS, for tasks that it may not own.

    "task_defaults": {"timeout": 300, "max_attempts": 3},
    "task_rules": {"wagtail.*": {"queue_name": "search", "keep": "errors"}},

`taskhub.tasks.options.site` applies them to the tasks.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import msgspec

from taskhub.conf.hints import TASK_HINTS, hint
from taskhub.conf.queue_names import name_fault
from taskhub.foundation.nearest import did_you_mean

#: A hundred years. A much larger number of seconds does not fit into a timedelta.
MAX_SECONDS = 36_600 * 86_400
Limit = Annotated[float, msgspec.Meta(gt=0, le=MAX_SECONDS)]


class ExceptionClasses(tuple[type[BaseException], ...]):
    """One class of exceptions or several."""

    __slots__ = ()


class TaskOptions(msgspec.Struct):
    """The options that `task_defaults` and `task_rules` may set, with their types."""

    queue_name: str
    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)]
    durable: bool
    keep: Literal["all", "errors", "none"]
    expires_after: timedelta | None
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    backoff: Callable[..., Any]
    retry_on: ExceptionClasses
    give_up_on: ExceptionClasses
    throws: ExceptionClasses
    timeout: Limit | None
    hard_timeout: Limit | None
    atomic: bool
    masked: tuple[str, ...]
    on_worker_death: Literal["retry", "fail", "hold"]
    max_redeliveries: Annotated[int, msgspec.Meta(ge=0, le=1_000)] | None
    stall_after: Limit | None


class Rule(msgspec.Struct, frozen=True):
    """Options for the tasks whose path matches a pattern."""

    #: A shell pattern: `*` matches any characters, `?` one, and `[ab]` a or b.
    pattern: str
    options: Mapping[str, Any]

    def matches(self, path: str) -> bool:
        return fnmatchcase(path, self.pattern)


#: What is expected, where the words of msgspec do not say it.
_EXPECTED = {
    "keep": "Expected 'all', 'errors' or 'none'",
    "expires_after": "Expected a timedelta or None",
    "masked": "Expected a list of names of parameters",
    "backoff": "Expected exponential(), fixed() or a callable",
    "retry_on": "Expected exceptions, such as (OSError,)",
    "give_up_on": "Expected exceptions, such as (OSError,)",
    "throws": "Expected exceptions, such as (OSError,)",
    "on_worker_death": "Expected 'retry', 'fail' or 'hold'",
}
_FIELDS = {field.name: field for field in msgspec.structs.fields(TaskOptions)}
#: The options of @task that differ for each task.
_ONLY_IN_CODE = ("backend", "meta", "name", "takes_context")


def is_task_option(name: str) -> bool:
    """Whether `task_defaults` and `task_rules` may set an option."""
    return name in _FIELDS


def read_task_options(
    raw: Any, place: str, queues: Collection[str], faults: list[str]
) -> dict[str, Any]:
    """
    Return the valid options of a dict; append a line to `faults` for each other.

    The others are left out, so that tasks can be defined, and the system checks can
    show all faults. `queues` are those of the backend; if empty, any name is allowed.
    """
    if not isinstance(raw, Mapping):
        faults.append(f"{place} must be a dict of options, not {raw!r}.")
        return {}
    options = {}
    for name, value in raw.items():
        if name not in _FIELDS:
            faults.append(f"Unknown option {name!r} in {place}{_hint(name, value)}")
            continue
        try:
            options[name] = msgspec.convert(value, _FIELDS[name].type, dec_hook=_read)
        except msgspec.ValidationError as error:
            reason = _EXPECTED.get(name) or expectation_of(error)
            faults.append(f"Option {name!r} in {place} is {value!r}: {reason}.")
    _check_queue(options, place, queues, faults)
    _check_limits(options, place, faults)
    return options


def expectation_of(error: msgspec.ValidationError) -> str:
    """Return what msgspec expected, with Python's word for null."""
    return str(error).partition(" - at ")[0].replace("null", "None")


def _hint(name: object, value: Any) -> str:
    """Return the end of a message about an unknown option."""
    if name in _ONLY_IN_CODE:
        return ". Only @task can set it."
    return hint(str(name), value, TASK_HINTS, _FIELDS)


def read_rules(
    raw: Any, place: str, queues: Collection[str], faults: list[str]
) -> tuple[Rule, ...]:
    """Return the rules of a dict from patterns to options; see read_task_options()."""
    if not isinstance(raw, Mapping):
        faults.append(f"{place} must be a dict from patterns to options, not {raw!r}.")
        return ()
    return tuple(
        Rule(
            str(pattern),
            read_task_options(options, f"{place}[{pattern!r}]", queues, faults),
        )
        for pattern, options in raw.items()
    )


def _check_queue(
    options: dict[str, Any], place: str, queues: Collection[str], faults: list[str]
) -> None:
    """Leave out a queue that the backend does not have."""
    name = options.get("queue_name")
    if name is None:
        return
    if fault := name_fault(name):
        faults.append(f"In {place}, {fault}.")
    elif queues and name not in queues:
        faults.append(
            f"The queue {name!r} in {place} is not in QUEUES"
            f"{did_you_mean(name, queues)}"
        )
    else:
        return
    del options["queue_name"]


def _check_limits(options: dict[str, Any], place: str, faults: list[str]) -> None:
    """Leave out both time limits if the hard one does not come last."""
    timeout, hard_timeout = options.get("timeout"), options.get("hard_timeout")
    if timeout and hard_timeout and hard_timeout <= timeout:
        faults.append(
            f"In {place}, hard_timeout, {hard_timeout:g} s, must be more than "
            f"timeout, {timeout:g} s."
        )
        del options["timeout"], options["hard_timeout"]


def _read(kind: type, value: Any) -> Any:
    """Read a value of a type that msgspec does not know. Raise TypeError."""
    if kind is not ExceptionClasses:
        if callable(value):
            return value
        raise TypeError
    several = isinstance(value, list | tuple | set | frozenset)
    classes: tuple[Any, ...] = tuple(value) if several else (value,)
    for each in classes:
        if not isinstance(each, type) or not issubclass(each, BaseException):
            raise TypeError
    return ExceptionClasses(classes)
