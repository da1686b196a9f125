"""The signals of this process, see `taskhub.signals`, and how long it takes to end."""

import logging
from collections.abc import Callable
from threading import Timer
from typing import Any

from django.dispatch import Signal

from taskhub import signals

logger = logging.getLogger(__name__)

#: How long receivers of `process_ending`, and hooks of `atexit`, may take in all.
MAX_HOOK_SECONDS = 3.0

_role = ""


def tell_started(role: str) -> None:
    """Tell that this process begins. Blocks for the receivers."""
    global _role
    _role = role
    _send(signals.process_started)


def tell_ending() -> None:
    """Tell, if its beginning was told, that it ends. Blocks for the receivers."""
    if _role:
        _send(signals.process_ending)


def limit_hooks(give_up: Callable[[], Any]) -> None:
    """Have `give_up` end this process if what it does at its end takes too long."""

    def end() -> None:
        logger.warning(
            "Receivers of process_ending, or hooks of atexit, took more than %g s.",
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
        # SystemExit, for which "robust" is not meant.
        logger.exception("A receiver of a signal of the process raised.")
