"""
Arguments of Celery's calls: taskhub's own, and lazy translations, which become text.

taskhub carries UUIDs, dates, times and decimals as Celery does. Bytes are refused: they
would arrive as text, as with Django, and with Celery they arrive as bytes. The
annotations of a function are not used, since Celery does not use them either.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise

from taskhub.exceptions import InvalidArguments
from taskhub.messages import Extra
from taskhub.tasks.codec import decode, encode, restored

if TYPE_CHECKING:
    from taskhub.models import TaskResult


def prepare(value: Any) -> Any:
    """Return a value with its lazy translations as text. Raise InvalidArguments."""
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, bytes | bytearray):
        raise InvalidArguments(
            "An argument is bytes, which would arrive as text; pass text, or "
            "base64.b64encode(value).decode() and decode it in the task."
        )
    if isinstance(value, list | tuple):
        return [prepare(each) for each in value]
    if isinstance(value, Mapping):
        return {name: prepare(each) for name, each in value.items()}
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
