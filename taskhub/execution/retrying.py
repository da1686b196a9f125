"""Whether a run that failed is tried again, and when."""

import logging
from datetime import UTC, datetime, timedelta

from taskhub.exceptions import Retry
from taskhub.execution.runs import Run
from taskhub.retries import pause_of

logger = logging.getLogger(__name__)


def pause_after(run: Run, error: BaseException) -> timedelta | None:
    """Return how long to wait for the next attempt; None if there is to be none."""
    task = run.task
    asked = isinstance(error, Retry)
    is_worth_it = asked or (
        isinstance(error, task.retry_on) and not isinstance(error, task.give_up_on)
    )
    if not is_worth_it or run.attempt.failures >= task.max_attempts:
        return None
    try:
        after = error.after if isinstance(error, Retry) else None
        pause = after or pause_of(task.backoff, error, run.result)
    except Exception:
        logger.exception("The backoff of %s failed.", task.module_path)
        return None
    expires_at = run.attempt.message.expires_at
    if expires_at and datetime.now(UTC) + pause >= expires_at:
        return None
    return pause
