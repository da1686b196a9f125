"""What operators, and the beat, do to periodic tasks."""

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from taskhub import producer
from taskhub.compat import django_tasks as compat
from taskhub.conf import Config
from taskhub.deadlocks import again_after_deadlock
from taskhub.exceptions import (
    CannotRun,
    CannotRunHere,
    InvalidArguments,
    InvalidSchedule,
    UnknownTask,
)
from taskhub.models import Overlap, PeriodicTask, TaskResult, TaskResultQuerySet
from taskhub.models.periodic.periodic_task import as_schedule
from taskhub.models.results.slices import NewSlice
from taskhub.models.results.task_result import UNFINISHED, results_database
from taskhub.operations.results.lifecycle import cancel
from taskhub.schedules import Clocked
from taskhub.tasks import Task, find_task
from taskhub.tasks.arguments import check_arguments

#: So many runs are made up for at a time.
MOST_BACKFILLED = 1_000


@dataclass(frozen=True)
class Run:
    """A run of a periodic task that is not in the database yet."""

    config: Config
    result: NewSlice


def make_run(row: PeriodicTask, tick: datetime | None) -> Run:
    """
    Make the run of a periodic task for a tick, or for none if it is asked for by hand.

    Raise UnknownTask if its task is not registered, CannotRunHere if its arguments or
    options do not fit the code and settings, and CannotRun if anything else is wrong
    with it.
    """
    task = find_task(row.task_path)
    for fault in _faults_of_json(row).values():
        raise CannotRun(fault)
    try:
        variant = _variant_of(row, task, _due(row, tick))
        config = _config_of(variant)
        result = producer.make_row(config, variant, row.args, row.kwargs)
    except (InvalidArguments, compat.InvalidTask, compat.InvalidTaskBackend) as error:
        raise CannotRunHere(str(error)) from error
    result.periodic_task_id = row.pk
    result.tick_at = tick
    return Run(config, result)


def _due(row: PeriodicTask, tick: datetime | None) -> datetime | None:
    """Return when a run is due if not at once: at random within its jitter."""
    if tick is None or not row.jitter:
        return None
    try:
        latest = tick + row.jitter
    except OverflowError:
        raise CannotRun(
            f"With a jitter of {row.jitter} it may be due after the end of the "
            "calendar; expected less, such as 5 minutes."
        ) from None
    # Not a secret: it only spreads load.
    return tick + (latest - tick) * random.random()  # noqa: S311


def _variant_of(
    row: PeriodicTask, task: Task[..., Any, Any], due: datetime | None = None
) -> Task[..., Any, Any]:
    options = {
        "run_after": due,
        "queue_name": row.queue_name or None,
        "priority": row.priority,
        "expires_after": row.expires_after,
    }
    given = {name: value for name, value in options.items() if value is not None}
    return task.using(**given)  # type: ignore[arg-type]


def _config_of(task: Task[..., Any, Any]) -> Config:
    config = getattr(task.get_backend(), "config", None)
    if not isinstance(config, Config):
        raise CannotRun(
            f"The backend {task.backend!r} of {task.name} does not belong to taskhub."
        )
    return config


def validate(row: PeriodicTask) -> dict[str, str]:
    """
    Return what is wrong with a periodic task, a sentence by field; empty if nothing is.

    For what people write: the beat finds the same faults when it comes to a row.
    """
    faults: dict[str, str] = {}
    try:
        schedule = as_schedule(row)
        if (
            isinstance(schedule, Clocked)
            and schedule.next_after(timezone.now()) is None
        ):
            faults["schedule"] = "This time is in the past."
        else:
            # An Unreadable one says now what is wrong with it.
            schedule.next_after(timezone.now())
    except InvalidSchedule as error:
        faults["schedule"] = str(error)
    if row.start_at and row.end_at and row.end_at <= row.start_at:
        faults["end_at"] = "The end is before the start."
    elif row.end_at and row.end_at <= timezone.now():
        faults["end_at"] = "The end is in the past."
    for field in ("jitter", "missed_window", "expires_after"):
        span: timedelta | None = getattr(row, field)
        if span is not None and span < timedelta(0):
            faults[field] = "A duration cannot be negative."
    if row.expires_after == timedelta(0):
        faults["expires_after"] = "No run can start at once; expected some time."
    return _faults_of_columns(row) | faults | faults_of_task(row)


def _faults_of_columns(row: PeriodicTask) -> dict[str, str]:
    """Return which values do not fit into their columns, or are none of the choices."""
    checked_apart = {"args", "kwargs", "schedule"}
    others = {
        field.name
        for field in row._meta.fields
        if not field.editable or field.name in checked_apart
    }
    try:
        row.clean_fields(exclude=others)
    except ValidationError as error:
        return {name: " ".join(said) for name, said in error.message_dict.items()}
    return {}


def faults_of_task(row: PeriodicTask) -> dict[str, str]:
    """Return what is wrong with the task, its arguments or its queue, as validate()."""
    try:
        task = find_task(row.task_path)
    except UnknownTask as error:
        return {"task_path": str(error)}
    if faults := _faults_of_json(row):
        return faults
    try:
        check_arguments(task.func, task.takes_context, row.args, row.kwargs)
    except InvalidArguments as error:
        return {"kwargs" if row.kwargs else "args": str(error)}
    try:
        _config_of(_variant_of(row, task))
    except (compat.InvalidTask, compat.InvalidTaskBackend) as error:
        is_about_priority = "riority" in str(error)
        return {"priority" if is_about_priority else "queue_name": str(error)}
    except CannotRun as error:
        return {"task_path": str(error)}
    return _faults_of_run(row)


def _faults_of_run(row: PeriodicTask) -> dict[str, str]:
    """Return why no run of it can be made, though nothing else is wrong with it."""
    now = timezone.now()
    try:
        _due(row, now)
    except CannotRun as error:
        return {"jitter": str(error)}
    try:
        make_run(row, now)
    except CannotRun as error:
        if "would expire" in str(error):
            return {"expires_after": str(error)}
        return {"kwargs" if row.kwargs else "args": str(error)}
    return {}


def _faults_of_json(row: PeriodicTask) -> dict[str, str]:
    if not isinstance(row.args, list):
        return {"args": "Positional arguments are a list, such as [1, 2]."}
    if not isinstance(row.kwargs, dict):
        return {"kwargs": 'Keyword arguments are an object, such as {"name": 1}.'}
    return {}


def enable(rows: Iterable[PeriodicTask]) -> int:
    """
    Enable periodic tasks; their next run is the first after now. Return how many were.

    One that has nothing to run any more disables itself at once, and says why.

    Raise InvalidSchedule for one whose schedule cannot be read; those before it are
    enabled.
    """
    return _switch(rows, enabled=True)


def disable(rows: Iterable[PeriodicTask]) -> int:
    """Disable periodic tasks, until somebody enables them. Return how many were."""
    return _switch(rows, enabled=False)


def _switch(rows: Iterable[PeriodicTask], *, enabled: bool) -> int:
    count = 0
    for row in rows:
        if row.enabled is not enabled:
            row.enabled = enabled
            row.save(update_fields=["enabled"])
            count += row.enabled is enabled
    return count


@again_after_deadlock(results_database)
def run_now(row: PeriodicTask) -> TaskResult:
    """
    Run a periodic task now, with all its options.

    Also with its overlap policy: an earlier run that has not finished is cancelled, or
    is a reason not to run.

    Raise UnknownTask or CannotRun if it cannot be run as it is, or now.
    """
    with _locked(row) as locked:
        unfinished = unfinished_runs([locked.pk]).get(locked.pk, [])
        if unfinished and locked.overlap in (Overlap.SKIP, Overlap.WAIT):
            raise CannotRun(
                f"An earlier run of {locked.name} has not finished, and its overlap "
                "policy does not allow another one beside it."
            )
        if unfinished and locked.overlap == Overlap.CANCEL:
            cancel_earlier(unfinished)
        return _submit(locked, [make_run(locked, None)])[0]


def unfinished_runs(pks: Collection[int]) -> dict[int, list[UUID]]:
    """Return the ids of the unfinished results of periodic tasks, by their keys."""
    found: dict[int, list[UUID]] = defaultdict(list)
    rows = _results().filter(periodic_task__in=pks, status__in=UNFINISHED)
    for key, pk in rows.values_list("periodic_task_id", "pk"):
        found[key].append(pk)
    return found


def cancel_earlier(pks: Collection[UUID]) -> None:
    """Cancel earlier runs of a schedule because of a new one."""
    cancel(_results().filter(pk__in=pks), reason="The next run of its schedule is due.")


@again_after_deadlock(results_database)
def skip_next(row: PeriodicTask) -> datetime | None:
    """
    Leave out the next run; return the tick that was, or None if there was none.

    The row is read anew, since the beat may have fired it meanwhile.
    """
    with _locked(row) as locked:
        skipped = locked.next_run_at
        if not locked.enabled or locked.is_plan_stale or skipped is None:
            return None
        locked.skipped_run_count += 1
        locked.last_skipped_at = timezone.now()
        locked.move_to(locked.rule.next_after(skipped), after=skipped)
        locked.save()
    return skipped


def ticks_to_backfill(
    row: PeriodicTask, start: datetime, end: datetime
) -> tuple[list[datetime], bool]:
    """
    Return the ticks from `start` to `end`, both included, that have no run yet.

    The second is whether there are more than the 1,000 that are made up for at a time.

    Raise InvalidSchedule if the schedule cannot be read.
    """
    fired = set(
        _results()
        .filter(periodic_task=row.pk, tick_at__range=(start, end))
        .values_list("tick_at", flat=True)
    )
    ticks: list[datetime] = []
    for tick in row.rule.between(start - timedelta(microseconds=1), end):
        if tick in fired:
            continue
        if len(ticks) == MOST_BACKFILLED:
            return ticks, True
        ticks.append(tick)
    return ticks, False


@again_after_deadlock(results_database)
def backfill(row: PeriodicTask, start: datetime, end: datetime) -> list[TaskResult]:
    """
    Run a periodic task for past ticks that have no run, 1,000 at the most.

    Raise UnknownTask, CannotRun or InvalidSchedule if it cannot be run as it is.
    """
    with _locked(row) as locked:
        ticks, _more = ticks_to_backfill(locked, start, min(end, timezone.now()))
        runs = [make_run(locked, tick) for tick in ticks]
        return _submit(locked, runs) if runs else []


def _submit(locked: PeriodicTask, runs: list[Run]) -> list[TaskResult]:
    new = [run.result for run in runs]
    producer.submit(runs[0].config, new)
    for result in new:
        locked.remember(result.pk, result.enqueued_at)
    locked.save(update_fields=["recent_ids", "last_run_at", "total_run_count"])
    return list(_results().filter(pk__in=[result.pk for result in new]).order_by("pk"))


@contextmanager
def _locked(row: PeriodicTask) -> Iterator[PeriodicTask]:
    """Read a row anew, and keep the beat from it until what is done is committed."""
    rows = PeriodicTask.objects.using(results_database())
    with transaction.atomic(using=results_database()):
        yield rows.select_for_update().get(pk=row.pk)


def _results() -> TaskResultQuerySet:
    return TaskResultQuerySet(TaskResult, using=results_database())
