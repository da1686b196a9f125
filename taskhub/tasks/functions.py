"""Functions: whether two are the same, and where one was defined."""

import inspect
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any


def is_same_function(one: Any, other: Any) -> bool:
    """
    Whether two functions have the same code, defaults and closed-over values.

    Then the functions of a module before and after a reload are the same, and so are
    the functions that a factory returns for the same arguments.
    """
    return _is_same(one, other, set())


def _is_same(one: Any, other: Any, seen: set[tuple[int, int]]) -> bool:
    if one is other:
        return True
    if not (isinstance(one, FunctionType) and isinstance(other, FunctionType)):
        return bool(one == other)
    # A function may close over itself.
    if (id(one), id(other)) in seen:
        return True
    seen.add((id(one), id(other)))
    return (
        one.__code__ == other.__code__
        and one.__defaults__ == other.__defaults__
        and one.__kwdefaults__ == other.__kwdefaults__
        and all(
            _is_same(mine, others, seen)
            for mine, others in zip(_closed_over(one), _closed_over(other), strict=True)
        )
    )


def _closed_over(function: FunctionType) -> list[Any]:
    values = []
    for cell in function.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:
            # The variable is not bound yet.
            values.append(None)
    return values


def loading_of(function: Callable[..., Any]) -> object | None:
    """
    Return an object that identifies one execution of a function's module.

    Return None if there is none, as in a shell, where functions may be redefined.
    """
    module = sys.modules.get(function.__module__)
    return getattr(module, "__spec__", None)


def place_of(function: Any) -> str:
    """Return the file and line of a function, or of that for which it stands."""
    code = getattr(getattr(function, "stands_for", function), "__code__", None)
    if code is None:
        return repr(function)
    return f"{code.co_filename}:{code.co_firstlineno}"


def uses_annotations(function: Any) -> bool:
    """
    Whether arguments of a task travel by the annotations of its function.

    Those of a function that stands for another one do not.
    """
    return not hasattr(function, "stands_for")


def is_generator(function: Any) -> bool:
    """Whether a function is a generator, sync or async."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
