"""Signals of this process and its node, and a limit on the time that its end takes."""

import logging
from collections.abc import Callable, Sequence
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
    _send(signals.process_started, role=role)


def send_ending() -> None:
    """Send `process_ending` if `process_started` was sent; block for the receivers."""
    if _role:
        _send(signals.process_ending, role=_role)


def send_node_signal(signal: Signal, name: str, queues: Sequence[str]) -> None:
    """Send `node_started` or `node_ending`. Block until its receivers have returned."""
    _send(signal, node=name, queues=tuple(queues))


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


def _send(signal: Signal, **arguments: Any) -> None:
    try:
        signal.send_robust(None, **arguments)
    except BaseException:
        # For example SystemExit, which send_robust() does not catch.
        logger.exception("A receiver of a signal of taskhub raised.")
