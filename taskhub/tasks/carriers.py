"""The carriers of a backend: they capture and restore values that travel with tasks."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import msgspec
from django.utils.module_loading import import_string

from taskhub.context import Carrier
from taskhub.exceptions import InvalidArguments
from taskhub.tasks.arguments import check_value

#: The largest values of all carriers together, as JSON.
MAX_CONTEXT_BYTES = 2048


def capture(paths: tuple[str, ...]) -> dict[str, Any] | None:
    """
    Return the values of the carriers with these paths; None if there are none.

    Raise InvalidArguments if a value is not JSON, or all together are too large.
    """
    values = {
        path: check_value(value, f"the context of {path}")
        for path, carrier in _carriers(paths)
        if (value := carrier.capture()) is not None
    }
    size = len(msgspec.json.encode(values))
    if size > MAX_CONTEXT_BYTES:
        raise InvalidArguments(
            f"The context of {', '.join(values)} is {size:,} bytes of JSON; at most "
            f"{MAX_CONTEXT_BYTES:,} travel with a task. Let the carrier capture a key."
        )
    return values or None


@contextmanager
def restored(paths: tuple[str, ...], values: Mapping[str, Any]) -> Iterator[None]:
    """Restore captured values; leave out those whose carrier is not in `paths`."""
    with ExitStack() as stack:
        for path, carrier in _carriers(paths):
            if path in values:
                stack.enter_context(carrier.restore(values[path]))
        yield


@cache
def _carriers(paths: tuple[str, ...]) -> tuple[tuple[str, Carrier], ...]:
    return tuple((path, import_string(path)()) for path in paths)
