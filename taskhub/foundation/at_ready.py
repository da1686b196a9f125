"""Functions that are called when Django's apps and the site's tasks are loaded."""

from collections.abc import Callable

_waiting: list[Callable[[], object]] = []
_is_ready = False


def when_ready(callback: Callable[[], object]) -> None:
    """Call a function when taskhub's app is ready, or at once if it is already."""
    if _is_ready:
        callback()
    else:
        _waiting.append(callback)


def run_waiting() -> None:
    """Call the functions that have waited. taskhub's app does this when it is ready."""
    global _is_ready
    _is_ready = True
    while _waiting:
        _waiting.pop(0)()
