"""Checks of a task's options, made when the task is defined."""

import inspect
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from taskhub.compat.django_tasks import (
    TASK_MAX_PRIORITY,
    TASK_MIN_PRIORITY,
    InvalidTask,
)
from taskhub.conf.task_options import MAX_SECONDS
from taskhub.foundation.nearest import did_you_mean
from taskhub.retries import exponential
from taskhub.tasks.functions import is_generator

if TYPE_CHECKING:
    from taskhub.tasks.task import Task

#: Which finished results keep their row.
Keep = Literal["all", "errors", "none"]

#: What happens when a worker process has died while it ran the task: it is run again,
#: its result fails, or is on hold until a person decides.
OnWorkerDeath = Literal["retry", "fail", "hold"]

DEFAULT_BACKOFF = exponential(seconds=2)


def check_name(name: object) -> str:
    """Return the name of a task. Raise InvalidTask if it is not valid."""
    if isinstance(name, str) and re.fullmatch(r"[\w.:/<>-]{1,255}", name):
        return name
    raise InvalidTask(
        "The name of a task has up to 255 letters, digits or any of _ - . : / and no "
        f"spaces, such as 'shop.send_welcome', not {name!r}."
    )


def as_names(masked: object) -> tuple[str, ...]:
    """Return the option `masked` as a tuple. Raise InvalidTask for what is no list."""
    if isinstance(masked, str) or not isinstance(masked, Collection):
        shown = (
            f"such as [{masked!r}]" if isinstance(masked, str) else f"not {masked!r}"
        )
        raise InvalidTask(f"masked must be names of parameters, {shown}.")
    return tuple(masked)


def check_options(task: "Task[..., Any, Any]") -> None:
    """Raise InvalidTask for an invalid value, or if the function is a generator."""
    if is_generator(task.func):
        raise InvalidTask(
            f"{task.name} is a generator, which no worker iterates over; return a list."
        )
    _check_switches(task)
    _check_enqueueing(task)
    _check_retries(task)
    _check_limits(task)
    _check_worker_death(task)
    _check_masked(task)


def _check_switches(task: "Task[..., Any, Any]") -> None:
    for name in ("atomic", "durable"):
        value = getattr(task, name)
        if type(value) is not bool:
            raise InvalidTask(f"{name} must be True or False, not {value!r}.")


def _check_enqueueing(task: "Task[..., Any, Any]") -> None:
    if task.keep not in get_args(Keep):
        raise InvalidTask(f"keep must be 'all', 'errors' or 'none', not {task.keep!r}.")
    _check_priority(task.priority)
    if task.run_after is not None and not isinstance(task.run_after, datetime):
        raise InvalidTask(
            "run_after must be an aware datetime or a timedelta, not "
            f"{task.run_after!r}."
        )
    expires_after = task.expires_after
    if expires_after is not None and not isinstance(expires_after, timedelta):
        raise InvalidTask(f"expires_after must be a timedelta, not {expires_after!r}.")
    if task.meta is not None and not isinstance(task.meta, Mapping):
        raise InvalidTask(f"meta must be a dict, not {task.meta!r}.")


def _check_priority(priority: object) -> None:
    # The message begins as Django's own.
    rule = (
        f"priority must be a whole number between {TASK_MIN_PRIORITY} and "
        f"{TASK_MAX_PRIORITY}."
    )
    if type(priority) is not int:
        raise InvalidTask(
            f"{rule} The priority must be a whole number, not {priority!r}."
        )
    if not TASK_MIN_PRIORITY <= priority <= TASK_MAX_PRIORITY:
        raise InvalidTask(f"{rule} It is {priority}.")


def _check_masked(task: "Task[..., Any, Any]") -> None:
    known = inspect.signature(task.func).parameters
    for name in task.masked:
        if name not in known:
            raise InvalidTask(
                f"masked names {name!r}, which is no parameter of {task.name}"
                f"{did_you_mean(name, known)}"
            )


def _check_retries(task: "Task[..., Any, Any]") -> None:
    if type(task.max_attempts) is not int or not 1 <= task.max_attempts <= 1_000:
        raise InvalidTask(
            f"max_attempts must be a whole number from 1 to 1,000, not "
            f"{task.max_attempts!r}."
        )
    if not callable(task.backoff):
        raise InvalidTask(
            "backoff must be exponential(), fixed() or a callable of the exception "
            f"and the result, not {task.backoff!r}."
        )
    for name in ("retry_on", "give_up_on", "throws"):
        classes = getattr(task, name)
        if not isinstance(classes, tuple) or not all(
            isinstance(each, type) and issubclass(each, BaseException)
            for each in classes
        ):
            raise InvalidTask(
                f"{name} must be exceptions, such as (OSError,), not {classes!r}."
            )


def _check_worker_death(task: "Task[..., Any, Any]") -> None:
    if task.on_worker_death not in get_args(OnWorkerDeath):
        raise InvalidTask(
            "on_worker_death must be 'retry', 'fail' or 'hold', not "
            f"{task.on_worker_death!r}."
        )
    times = task.max_redeliveries
    if times is not None and (type(times) is not int or not 0 <= times <= 1_000):
        raise InvalidTask(
            f"max_redeliveries must be a whole number from 0 to 1,000, not {times!r}."
        )


def _check_limits(task: "Task[..., Any, Any]") -> None:
    for name in ("timeout", "hard_timeout", "stall_after"):
        seconds = getattr(task, name)
        if seconds is None:
            continue
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise InvalidTask(f"{name} must be seconds, not {seconds!r}.")
        # Not true for NaN.
        if not 0 < seconds <= MAX_SECONDS:
            raise InvalidTask(
                f"{name} must be more than 0 seconds, and at most a hundred years, not "
                f"{seconds!r}."
            )
    if task.timeout and task.hard_timeout and task.hard_timeout <= task.timeout:
        raise InvalidTask(
            f"hard_timeout, {task.hard_timeout} s, must be more than timeout, "
            f"{task.timeout} s."
        )
    if task.atomic and inspect.iscoroutinefunction(task.func):
        raise InvalidTask(
            f"{task.name} cannot be atomic: Django has no transactions in async code; "
            "make it a plain function."
        )
