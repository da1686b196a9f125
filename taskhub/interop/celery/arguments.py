"""
Arguments of Celery's calls: taskhub's own, and lazy translations, which become text.

taskhub carries UUIDs, dates, times and decimals as Celery does. The annotations of a
function are not used, since Celery does not use them either.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise

from taskhub.messages import Extra
from taskhub.tasks.codec import decode, encode, restored

if TYPE_CHECKING:
    from taskhub.models import TaskResult


def without_lazy_texts(value: Any) -> Any:
    """Return a value with its lazy translations as text."""
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, list | tuple):
        return [without_lazy_texts(each) for each in value]
    if isinstance(value, Mapping):
        return {name: without_lazy_texts(each) for name, each in value.items()}
    return value


def arguments_of(row: "TaskResult") -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a row as the task receives them."""
    extra = Extra.read(row.extra)
    return restored(row.args, row.kwargs, (extra and extra.types) or {})


def received(
    function: Callable[..., Any], args: Any, kwargs: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Return arguments after their way through JSON. Raise InvalidArguments."""
    sent = encode(function, True, args, kwargs)
    return decode(function, True, sent.args, sent.kwargs, sent.types)
