"""What has to wait until Django has loaded its apps, and taskhub the site's tasks."""

from collections.abc import Callable

_waiting: list[Callable[[], object]] = []
_is_ready = False


def when_ready(callback: Callable[[], object]) -> None:
    """Call a function when the app of taskhub is ready; at once if it is."""
    if _is_ready:
        callback()
    else:
        _waiting.append(callback)


def run_waiting() -> None:
    """Call what has waited; the app of taskhub is ready now."""
    global _is_ready
    _is_ready = True
    while _waiting:
        _waiting.pop(0)()
