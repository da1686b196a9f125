"""Retries that Celery makes by itself: `autoretry_for` and its options."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from taskhub.exceptions import InvalidOption, TaskTimeout
from taskhub.interop.celery.exceptions import Ignore, Retry

if TYPE_CHECKING:
    from taskhub.interop.celery.app.task import Task

#: 2 to the power of this is more than any `retry_backoff_max`.
_MAX_EXPONENT = 64


def add_autoretry(task: "Task") -> None:
    """Wrap the `run` of a task so that exceptions in `autoretry_for` are retried."""
    retried = as_classes(task, "autoretry_for")
    if retried:
        task.run = _retrying(task, task.run, retried)  # type: ignore[method-assign]


def _retrying(
    task: "Task", run: Callable[..., Any], retried: tuple[type[BaseException], ...]
) -> Callable[..., Any]:
    kept = as_classes(task, "dont_autoretry_for")

    @contextmanager
    def retries() -> Iterator[None]:
        try:
            yield
        except (Ignore, Retry):
            raise
        except kept:
            raise
        except retried as error:
            options = dict(task.retry_kwargs or {})
            if task.retry_backoff:
                options["countdown"] = countdown(task, task.request.retries)
            raise task.retry(exc=error, **options) from error

    @wraps(run)
    def run_and_retry(*args: Any, **kwargs: Any) -> Any:
        with retries():
            return run(*args, **kwargs)

    @wraps(run)
    async def await_and_retry(*args: Any, **kwargs: Any) -> Any:
        with retries():
            return await run(*args, **kwargs)

    return await_and_retry if iscoroutinefunction(run) else run_and_retry


def countdown(task: "Task", retries: int) -> float:
    """Return the seconds until the next retry, as Celery computes them."""
    factor = int(max(1.0, float(task.retry_backoff)))
    longest = min(
        int(task.retry_backoff_max), factor * 2 ** min(retries, _MAX_EXPONENT)
    )
    # Full jitter: any time from 0 on, so that failures are spread.
    return random.uniform(0, longest) if task.retry_jitter else longest  # noqa: S311


def as_classes(task: "Task", option: str) -> tuple[type[BaseException], ...]:
    """
    Return the classes of exceptions that an option of a task has.

    TaskTimeout is added to Exception, since Celery's SoftTimeLimitExceeded is one.
    Raise InvalidOption for anything else.
    """
    given = getattr(task, option)
    classes = (given,) if isinstance(given, type) else tuple(given or ())
    if not all(isinstance(k, type) and issubclass(k, BaseException) for k in classes):
        raise InvalidOption(
            f"{option} of {task.name} must be exceptions, such as (OSError,), not "
            f"{given!r}."
        )
    return (*classes, TaskTimeout) if Exception in classes else classes
