"""
Sending Django's `task_finished`.

If a result ends without a run, the process that ends it sends the signal: the worker
that gives up on the result, or the process in which somebody cancels it. Django has no
status CANCELLED: a cancelled result is FAILED, and Django's own receiver would log an
error and mail it to ADMINS. Cancelling is no error, and neither is an exception that
the task expects (`throws`): these records are logged as INFO, with the reason instead
of the traceback.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from taskhub.compat import django_tasks as compat
from taskhub.exceptions import UnknownTask
from taskhub.signals import task_cancelled
from taskhub.tasks.lookup import find_task
from taskhub.tasks.result import Enqueued, Result, as_enqueued, expires_after_of
from taskhub.tasks.task import Task

logger = logging.getLogger(__name__)

#: Why records of Django's own receiver are logged as INFO now; "" if they are not.
_reason_for_info: ContextVar[str] = ContextVar("taskhub.reason_for_info", default="")


def tell_finished(alias: str, result: "Result[Any]", *, expected: str = "") -> None:
    """
    Send `task_finished` for a result.

    `expected` says why the end is no error: the result was cancelled or has expired, or
    the task expects its exception. An exception in a receiver is logged, and does not
    propagate.
    """
    sender = type(compat.task_backends[alias])
    with _as_info(expected):
        try:
            compat.task_finished.send_robust(sender, task_result=result)
        except BaseException:
            # For example SystemExit, which send_robust() does not catch.
            logger.exception("A receiver of %s raised.", result.task.module_path)


def tell_cancelled(alias: str, result: "Result[Any]", reason: str) -> None:
    """Send `task_cancelled`. An exception in a receiver is logged."""
    sender = type(compat.task_backends[alias])
    try:
        task_cancelled.send_robust(sender, task_result=result, reason=reason)
    except BaseException:
        logger.exception("A receiver of %s raised.", result.task.module_path)


def task_of(path: str, enqueued: Enqueued) -> Task[..., Any, Any]:
    """Return the task of a result, or a stand-in if it is not registered."""
    try:
        return as_enqueued(find_task(path), enqueued)
    except UnknownTask:
        return _Unknown(path, enqueued)  # type: ignore[return-value]


class _Unknown:
    """Stands in for a task that is not registered here."""

    def __init__(self, path: str, enqueued: Enqueued) -> None:
        self.module_path = path
        self.name = path.rpartition(".")[2]
        self.queue_name = enqueued.queue_name
        self.priority = enqueued.priority
        self.backend = enqueued.backend
        self.run_after = enqueued.run_after
        self.expires_after = expires_after_of(enqueued)
        self.meta = enqueued.meta or None

    def __repr__(self) -> str:
        return f"<unknown task {self.module_path}>"


@contextmanager
def _as_info(reason: str) -> Iterator[None]:
    token = _reason_for_info.set(reason)
    try:
        yield
    finally:
        _reason_for_info.reset(token)


def _demote(record: logging.LogRecord) -> bool:
    if (reason := _reason_for_info.get()) and record.levelno > logging.INFO:
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args = f"{record.getMessage()}: {reason}", ()
        record.exc_info = record.exc_text = None
        return logging.getLogger(record.name).isEnabledFor(logging.INFO)
    return True


logging.getLogger(compat.LOGGER_NAME).addFilter(_demote)
