"""Django signals about this process, and a limit on the time that its end takes."""

import logging
from collections.abc import Callable
from threading import Timer
from typing import Any

from django.dispatch import Signal

from taskhub import signals

logger = logging.getLogger(__name__)

#: How long all receivers of `process_ending` and hooks of `atexit` may take.
MAX_HOOK_SECONDS = 3.0

_role = ""


def send_started(role: str) -> None:
    """Send `process_started`. Block until its receivers have returned."""
    global _role
    _role = role
    _send(signals.process_started)


def send_ending() -> None:
    """Send `process_ending` if `process_started` was sent; block for the receivers."""
    if _role:
        _send(signals.process_ending)


def limit_hooks(give_up: Callable[[], Any]) -> None:
    """Start a timer that calls `give_up` to end this process after MAX_HOOK_SECONDS."""

    def end() -> None:
        logger.warning(
            "Receivers of process_ending or hooks of atexit took more than %g s.",
            MAX_HOOK_SECONDS,
        )
        give_up()

    timer = Timer(MAX_HOOK_SECONDS, end)
    timer.daemon = True
    timer.start()


def _send(signal: Signal) -> None:
    try:
        signal.send_robust(None, role=_role)
    except BaseException:
        # For example SystemExit, which send_robust() does not catch.
        logger.exception("A receiver of process_started or process_ending raised.")
