"""Checks of arguments when a task is enqueued; `taskhub.producer` checks their size."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from taskhub.exceptions import InvalidArguments
from taskhub.foundation.nearest import did_you_mean
from taskhub.foundation.values import MAX_DEPTH, MAX_DIGITS, Oddity, OnOddity, walk

Arguments = tuple[Sequence[Any], Mapping[str, Any]]


@lru_cache(maxsize=4096)
def signature_of(
    function: Callable[..., Any], takes_context: bool
) -> inspect.Signature:
    """Return the signature of `enqueue`: the function's, without the context."""
    signature = inspect.signature(function)
    if not takes_context:
        return signature
    _context, *rest = signature.parameters.values()
    return signature.replace(parameters=rest)


def check_arguments(
    function: Callable[..., Any],
    takes_context: bool,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    on_oddity: OnOddity | None = None,
) -> tuple[list[Any], dict[str, Any]]:
    """
    Return the arguments as the task will receive them, in JSON's own types.

    Raise InvalidArguments if they do not fit the signature. Call `on_oddity` for values
    that JSON cannot carry; by default, raise InvalidArguments.
    """
    check_fit(function, takes_context, args, kwargs)
    on_oddity = on_oddity or refuse
    return (
        [walk(arg, f"args[{i}]", on_oddity) for i, arg in enumerate(args)],
        {
            name: walk(arg, f"kwargs[{name!r}]", on_oddity)
            for name, arg in kwargs.items()
        },
    )


def check_fit(
    function: Callable[..., Any],
    takes_context: bool,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> None:
    """Raise InvalidArguments if a function cannot be called with these arguments."""
    if keywords := _keywords_after(function, takes_context, len(args)):
        needed, allowed = keywords
        if not needed.difference(kwargs) and allowed.issuperset(kwargs):
            return
    signature = signature_of(function, takes_context)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidArguments(
            f"{function.__name__}() cannot be called with these arguments: {error}"
            f"{_nearest_parameter(signature, kwargs)} Its signature is "
            f"{function.__name__}{signature}."
        ) from None


@lru_cache(maxsize=4096)
def _keywords_after(
    function: Callable[..., Any], takes_context: bool, count: int
) -> tuple[frozenset[str], frozenset[str]] | None:
    """
    Return the required and the allowed keywords after `count` positional arguments.

    Checking these sets takes a fifth of the time of `Signature.bind()`. Return None if
    bind() has to check: for too many arguments, or parameters such as `*args`.
    """
    parameters = signature_of(function, takes_context).parameters.values()
    ordinary = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    keyword_only = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    if len(ordinary) + len(keyword_only) < len(parameters) or count > len(ordinary):
        return None
    remaining = ordinary[count:] + keyword_only
    return (
        frozenset(each.name for each in remaining if each.default is each.empty),
        frozenset(each.name for each in remaining),
    )


def check_value(value: Any, where: str) -> Any:
    """Return a value in JSON's own types, or raise InvalidArguments with advice."""
    return walk(value, where, refuse)


def _nearest_parameter(signature: inspect.Signature, kwargs: Mapping[Any, Any]) -> str:
    """Return the end of the sentence: the parameter most similar to a wrong keyword."""
    known = signature.parameters
    for name in kwargs:
        if isinstance(name, str) and name not in known:
            return did_you_mean(name, known.keys() - kwargs.keys())
    return "."


#: What is wrong with a value, and the remedy. `{value}` is its repr(), and `{text}` the
#: repr() of its str().
_PROBLEMS = {
    Oddity.TEXT: (
        "contains a NUL or a lone surrogate, which databases refuse; pass the text "
        "without it, or base64 of its bytes"
    ),
    Oddity.NUMBER: "is {value}, which JSON does not have; pass None or a string",
    Oddity.DIGITS: (
        f"is an integer of more than {MAX_DIGITS:,} digits; pass hex(value) and read "
        "it back with int(text, 16)"
    ),
    Oddity.BYTES: (
        "is bytes that are not UTF-8; pass base64.b64encode(value).decode()"
    ),
    Oddity.KEY: (
        "has the key {value}, but keys in JSON are strings; pass {text} and convert it "
        "back in the task"
    ),
    Oddity.KEYS: (
        "has two keys that are the same in JSON; pass a dict whose keys are plain "
        "strings"
    ),
    Oddity.DEPTH: (
        f"nests deeper than {MAX_DEPTH} levels; pass flatter data, or store it and "
        "pass its key"
    ),
}


def refuse(oddity: Oddity, value: Any, where: str, *, may_annotate: bool = True) -> Any:
    """
    Raise InvalidArguments with advice; for walk().

    `may_annotate` says whether an annotation of the parameter has an effect.
    """
    if oddity is Oddity.TYPE:
        name = class_of(value).__qualname__
        advice = advise(value)
        is_argument = where.startswith(("args[", "kwargs["))
        if may_annotate and is_argument and can_be_annotated(value):
            advice = f"annotate its parameter (value: {name}), or {advice}"
        problem = f"is of type {name}, which JSON cannot carry; {advice}"
    else:
        problem = _PROBLEMS[oddity]
        if oddity in (Oddity.NUMBER, Oddity.KEY):
            problem = problem.format(value=repr(value), text=repr(str(value)))
    raise InvalidArguments(f"{_BEGINNINGS.get(oddity, '')}{where} {problem}.")


#: How the messages of django.tasks begin.
_BEGINNINGS = {
    Oddity.TYPE: "Unsupported type: ",
    Oddity.BYTES: "Unsupported value: ",
}


def class_of(value: object) -> type:
    """Return the class of a value, or of the user for which `request.user` stands."""
    # A lazy object of Django has the class of what it loads.
    return value.__class__


#: What to pass instead of an object, by the name of one of its classes. Names, because
#: importing the classes would load modules that the site does not use.
_ADVICE = {
    "Model": "pass its primary key and fetch it in the task",
    "QuerySet": "pass a list of primary keys",
    "datetime": "pass value.isoformat() and parse it in the task",
    "date": "pass value.isoformat() and parse it in the task",
    "time": "pass value.isoformat() and parse it in the task",
    "timedelta": "pass value.total_seconds()",
    "Decimal": "pass str(value)",
    "UUID": "pass str(value)",
    "Enum": "pass value.value",
    "set": "pass a sorted list",
    "frozenset": "pass a sorted list",
    "PurePath": "pass str(value)",
    "File": "save it and pass its name",
    "_IOBase": "save it and pass its name",
    "HttpRequest": "pass the values that the task needs from it",
    "__proxy__": "pass str(value)",
    "generator": "pass list(value)",
    "function": "pass its name",
    "type": "pass its name",
}


#: The same for values that travel if their parameter has an annotation.
_TRAVELLING = ("Model", "Enum", "set", "frozenset", "Struct", "BaseModel")


def can_be_annotated(value: object) -> bool:
    """Whether a value could travel if its parameter had an annotation."""
    cls = class_of(value)
    is_record = any(
        hasattr(cls, name) for name in ("__dataclass_fields__", "__attrs_attrs__")
    )
    return is_record or any(each.__name__ in _TRAVELLING for each in cls.__mro__)


def advise(value: object) -> str:
    """Return what to pass instead of a value that JSON cannot carry."""
    for cls in class_of(value).__mro__:
        if advice := _ADVICE.get(cls.__name__):
            return advice
    if hasattr(value, "__dataclass_fields__"):
        return "pass dataclasses.asdict(value)"
    if hasattr(value, "__iter__"):
        return "pass list(value)"
    return "pass strings, numbers, booleans, None, lists and dicts"
