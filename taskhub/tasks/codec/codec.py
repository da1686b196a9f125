"""`Codec`: the converters of a function's parameters."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from taskhub.tasks.arguments import signature_of
from taskhub.tasks.codec.annotations import fault_of, hints_of, is_plain
from taskhub.tasks.codec.converter import Converter

Parameter = inspect.Parameter
#: Given a converter, or None for a plain parameter; a value; and its position.
Step = Callable[[Converter | None, Any, str], Any]
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


class Codec:
    """The converters of a function's parameters, by position and by name."""

    __slots__ = (
        "_by_parameter",
        "_named",
        "_others",
        "_positional",
        "_rest",
        "has_references",
    )

    def __init__(
        self, parameters: Iterable[Parameter], converters: Mapping[str, Converter]
    ) -> None:
        self._by_parameter = converters
        self._positional: list[Converter | None] = []
        self._named: dict[str, Converter | None] = {}
        self._rest: Converter | None = None
        self._others: Converter | None = None
        self.has_references = any(each.has_references for each in converters.values())
        for parameter in parameters:
            converter = converters.get(parameter.name)
            if parameter.kind in _POSITIONAL:
                self._positional.append(converter)
            if parameter.kind in _BY_NAME:
                self._named[parameter.name] = converter
            if parameter.kind is Parameter.VAR_POSITIONAL:
                self._rest = converter
            if parameter.kind is Parameter.VAR_KEYWORD:
                self._others = converter

    def at(self, index: int) -> Converter | None:
        """Return the converter of a positional argument."""
        known = self._positional
        return known[index] if index < len(known) else self._rest

    def named(self, name: str) -> Converter | None:
        """Return the converter of a keyword argument."""
        return self._named.get(name, self._others)

    def of_parameter(self, name: str) -> Converter | None:
        """Return the converter of a parameter, which may be that of *args."""
        return self._by_parameter.get(name)

    def each(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], step: Step
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return arguments that a function has made of each of these."""
        return (
            [step(self.at(i), arg, f"args[{i}]") for i, arg in enumerate(args)],
            {
                name: step(self.named(name), arg, f"kwargs[{name!r}]")
                for name, arg in kwargs.items()
            },
        )


#: The codec of a function without types.
PLAIN_CODEC = Codec((), {})


class _Made(NamedTuple):
    """What was made of the annotations of a function."""

    codec: Codec | None
    returns: Converter | None
    faults: dict[str, str]


def codec_of(function: Callable[..., Any], takes_context: bool) -> Codec | None:
    """Return the codec of a task's function; None if its parameters need none."""
    return _make(function, takes_context).codec


def return_converter_of(
    function: Callable[..., Any], takes_context: bool
) -> Converter | None:
    """Return the converter of a task's return value; None if it needs none."""
    return _make(function, takes_context).returns


def faults_of(function: Callable[..., Any], takes_context: bool) -> dict[str, str]:
    """
    Return why values of some annotations cannot travel, by the parameter's name.

    Each is the end of a sentence. "return" is the name of the return value.
    """
    return _make(function, takes_context).faults


@lru_cache(maxsize=4096)
def _make(function: Callable[..., Any], takes_context: bool) -> _Made:
    hints, faults = hints_of(function)
    parameters = signature_of(function, takes_context).parameters
    converters: dict[str, Converter] = {}
    # Without the context, which does not travel.
    names = [*parameters, "return"]
    for name in names:
        if name not in hints:
            continue
        try:
            if fault := fault_of(hints[name]):
                faults[name] = fault
            elif not is_plain(hints[name]):
                converters[name] = Converter(name, hints[name])
        except Exception as error:
            # msgspec raises errors of several kinds for annotations.
            faults[name] = f"cannot be converted from JSON ({error})"
    faults = {name: faults[name] for name in names if name in faults}
    returns = converters.pop("return", None)
    codec = Codec(parameters.values(), converters) if converters else None
    return _Made(codec, returns, faults)
