"""Make the runs of periodic tasks, without writing to the database."""

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskhub import producer
from taskhub.compat import django_tasks as compat
from taskhub.conf import Config, config_of
from taskhub.exceptions import CannotRun, CannotRunHere, InvalidArguments
from taskhub.models import PeriodicTask
from taskhub.models.results.slices import NewSlice
from taskhub.tasks import Task, find_task


@dataclass(frozen=True)
class PendingRun:
    """A run of a periodic task that is not in the database yet."""

    config: Config
    result: NewSlice


def make_run(row: PeriodicTask, tick: datetime | None) -> PendingRun:
    """
    Make the run of a periodic task for a tick, or at the request of an operator (None).

    Raise UnknownTask if its task is not registered, CannotRunHere if its arguments or
    options do not match this process's code and settings, and CannotRun otherwise.
    """
    task = find_task(row.task_path)
    for fault in faults_of_json(row).values():
        raise CannotRun(fault)
    try:
        variant = variant_of(row, task, due_at(row, tick))
        config = config_of_task(variant)
        result = producer.make_row(config, variant, row.args, row.kwargs)
    except (InvalidArguments, compat.InvalidTask, compat.InvalidTaskBackend) as error:
        raise CannotRunHere(str(error)) from error
    result.periodic_task_id = row.pk
    result.tick_at = tick
    return PendingRun(config, result)


def due_at(row: PeriodicTask, tick: datetime | None) -> datetime | None:
    """Return a random time within the jitter, or None if the run is due at once."""
    if tick is None or not row.jitter:
        return None
    try:
        latest = tick + row.jitter
    except OverflowError:
        raise CannotRun(
            f"With a jitter of {row.jitter}, the run may be due after the end of the "
            "calendar; expected less, such as 5 minutes."
        ) from None
    # This only spreads load and need not be unpredictable.
    return tick + (latest - tick) * random.random()  # noqa: S311


def variant_of(
    row: PeriodicTask, task: Task[..., Any, Any], due: datetime | None = None
) -> Task[..., Any, Any]:
    """Return the task with the options of a periodic task, due at `due` or at once."""
    options = {
        "run_after": due,
        "queue_name": row.queue_name or None,
        "priority": row.priority,
        "expires_after": row.expires_after,
    }
    given = {name: value for name, value in options.items() if value is not None}
    return task.using(**given)  # type: ignore[arg-type]


def config_of_task(task: Task[..., Any, Any]) -> Config:
    """Return the configuration of a task's backend. Raise CannotRun if it has none."""
    config = config_of(task.get_backend())
    if config is None:
        raise CannotRun(
            f"The backend {task.backend!r} of {task.name} does not belong to taskhub."
        )
    return config


def faults_of_json(row: PeriodicTask) -> dict[str, str]:
    """Return a fault if `args` is not a list or `kwargs` is not an object."""
    if not isinstance(row.args, list):
        return {"args": "Positional arguments must be a list, such as [1, 2]."}
    if not isinstance(row.kwargs, dict):
        return {"kwargs": 'Keyword arguments must be an object, such as {"name": 1}.'}
    return {}
