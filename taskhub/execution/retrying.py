"""Whether a failed run is retried, and when; the backoffs are in taskhub/retries.py."""

import logging
from datetime import timedelta

from taskhub.exceptions import Retry, TaskTimeout
from taskhub.execution.runs import Run
from taskhub.foundation.clock import utc_now
from taskhub.foundation.exception_tree import members
from taskhub.retries import pause_of
from taskhub.tasks.options.checks import DEFAULT_BACKOFF

logger = logging.getLogger(__name__)


def pause_after(run: Run, error: BaseException) -> timedelta | None:
    """
    Return how long to wait before the next attempt; None if there is none.

    An exception group stands for all exceptions in it. One exception of `retry_on` is
    enough for a retry, and one exception of `give_up_on` prevents the retry.
    """
    task = run.task
    if run.attempt.failures >= task.max_attempts:
        return None
    found = list(members(error))
    retry_on, give_up_on = map(_with_timeout, (task.retry_on, task.give_up_on))
    reasons = [each for each in found if isinstance(each, (Retry, *retry_on))]
    obstacles = [each for each in found if isinstance(each, give_up_on)]
    # context.retry() is stronger than `give_up_on`.
    if not reasons or not all(isinstance(each, Retry) for each in obstacles):
        return None
    asked = [each.after for each in reasons if isinstance(each, Retry)]
    pauses = [after for after in asked if after is not None]
    pause = max(pauses) if pauses else _ask_backoff(run, reasons[0])
    expires_at = run.attempt.message.expires_at
    if expires_at and utc_now() + pause >= expires_at:
        return None
    return pause


def _ask_backoff(run: Run, reason: BaseException) -> timedelta:
    try:
        return pause_of(run.task.backoff, reason, run.result())
    except Exception:
        logger.exception(
            "The backoff of %s raised; using the default.", run.task.module_path
        )
        return pause_of(DEFAULT_BACKOFF, reason, run.result())


def _with_timeout(
    kinds: tuple[type[BaseException], ...],
) -> tuple[type[BaseException], ...]:
    """Add TaskTimeout to exception classes that include Exception."""
    # TaskTimeout is not a subclass, but only so that tasks do not catch it by accident.
    return (*kinds, TaskTimeout) if Exception in kinds else kinds
