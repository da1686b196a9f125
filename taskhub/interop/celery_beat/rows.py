"""A row of django-celery-beat as a `PeriodicTask`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeVar

from taskhub.conf import name_fault
from taskhub.exceptions import InvalidSchedule, SolarNotInstalled
from taskhub.interop.celery_beat.schedules import CannotImport, schedule_of
from taskhub.interop.celery_beat.tables import OldRow, OldTask
from taskhub.models import PeriodicTask
from taskhub.operations.schedules.validation import faults_of_task
from taskhub.schedules import Clocked, Interval, Schedule
from taskhub.tasks import registered_tasks
from taskhub.tasks.masking import masks_nothing

T = TypeVar("T")

#: taskhub's highest priority. The lowest is its negative.
_MAX_PRIORITY = 100
#: How many characters of a faulty text are shown.
_MAX_SHOWN = 200
_MICROSECOND = timedelta(microseconds=1)
#: For how long a last run may be missing: Celery's beat writes every three minutes.
_LAST_RUN_DELAY = timedelta(minutes=5)
#: A missed run is reported only if the next run is further away than this.
_MIN_TIME_TO_NEXT_RUN = timedelta(hours=1)


class CannotImportRow(Exception):
    """A row that cannot be imported, with all reasons and remedies."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class ImportOptions:
    """The user's answers about the old site."""

    #: Paths of tasks by Celery's names for them, where they differ.
    tasks: Mapping[str, str] = field(default_factory=dict)
    #: Names of queues by Celery's names; the name "" means the task's own queue.
    queues: Mapping[str, str] = field(default_factory=dict)
    #: How to read priorities: 0 goes first with Redis, last with AMQP. None omits them.
    priority: Literal["redis", "amqp"] | None = None


def make_row(
    old: OldTask, options: ImportOptions, now: datetime
) -> tuple[PeriodicTask, list[str]]:
    """
    Return an unsaved row with a plan from `now` on, and remarks about it.

    Raise CannotImportRow if no periodic task can do the same as the old row.
    """
    theirs = old.row
    reasons: list[str] = []
    remarks: list[str] = []
    schedule = _try(lambda: _schedule(old, remarks, now), reasons)
    path = options.tasks.get(theirs.task, theirs.task)
    args = _try(lambda: _json(path, theirs, "args", []), reasons)
    kwargs = _try(lambda: _json(path, theirs, "kwargs", {}), reasons)
    queue = theirs.queue or ""
    row = PeriodicTask(
        name=theirs.name,
        description=theirs.description,
        task_path=path,
        args=[] if args is None else args,
        kwargs={} if kwargs is None else kwargs,
        enabled=theirs.enabled,
        queue_name=options.queues.get(queue, queue),
        priority=_priority(theirs, options, remarks),
        max_runs=1 if theirs.one_off else None,
        last_run_at=theirs.last_run_at,
        total_run_count=theirs.total_run_count,
    )
    readable = args is not None and kwargs is not None
    reasons += _faults(row, theirs, readable=readable)
    if schedule is None or reasons:
        raise CannotImportRow(reasons)
    row.schedule = schedule
    _start(row, theirs, remarks)
    _expire(row, theirs, remarks)
    _note_what_is_left_out(theirs, remarks)
    row.plan(now)
    _note_the_plan(row, theirs, remarks, now)
    return row, remarks


def _try(read: Callable[[], T], reasons: list[str]) -> T | None:
    try:
        return read()
    except CannotImport as error:
        reasons.append(str(error))
        return None


def _schedule(old: OldTask, remarks: list[str], now: datetime) -> Schedule:
    if old.schedule is None:
        raise CannotImport("It has no schedule; give it one, or delete it.")
    if len(old.kinds) > 1:
        remarks.append(
            f"It has several schedules: {', '.join(old.kinds)}. The first of them is "
            "imported, because Celery uses only that one."
        )
    try:
        schedule, remark = schedule_of(old.schedule)
    except SolarNotInstalled as error:
        raise CannotImport(f"{old.schedule}: {error}") from error
    except InvalidSchedule as error:
        raise CannotImport(f"{old.schedule}: {error} Correct the old row.") from error
    if remark:
        remarks.append(remark)
    if isinstance(schedule, Clocked) and _is_overdue(schedule, old.row, now):
        raise CannotImport(
            f"Its time, {schedule.at.isoformat()}, has passed, and Celery has not run "
            "it. Run the task by hand if it is still needed, and delete the old row."
        )
    return schedule


def _is_overdue(schedule: Clocked, theirs: OldRow, now: datetime) -> bool:
    expired = theirs.expires is not None and theirs.expires <= now
    waits = theirs.enabled and not theirs.total_run_count and not expired
    return waits and schedule.at <= now


def _json(path: str, theirs: OldRow, name: str, nothing: Any) -> Any:
    """Return the arguments of a column. Errors do not show values that are masked."""
    text = getattr(theirs, name)
    shows = masks_nothing(path)
    try:
        value = json.loads(text or "null", object_hook=partial(_plain, shows=shows))
    except (ValueError, RecursionError) as error:
        shown = f", {text[:_MAX_SHOWN]!r}," if shows else ""
        raise CannotImport(
            f"Its {name}{shown} are not JSON ({error}). Correct the old row."
        ) from None
    return nothing if value is None else value


def _plain(value: dict[str, Any], *, shows: bool) -> dict[str, Any]:
    """Return an object. Raise CannotImport if it has a value in Celery's encoding."""
    if "__type__" in value and "__value__" in value:
        kind, plain = (
            (value["__type__"], repr(value["__value__"]))
            if shows
            else ("value", "its __value__")
        )
        raise CannotImport(
            f"An argument is a {kind} in Celery's encoding. Pass {plain} instead, and "
            "convert it in the task."
        )
    return value


def _priority(theirs: OldRow, options: ImportOptions, remarks: list[str]) -> int | None:
    if theirs.priority is None:
        return None
    if options.priority is None:
        remarks.append(
            f"Its priority, {theirs.priority}, is left out: 0 is the highest priority "
            "with Redis, and the lowest with AMQP. Choose one with --priority."
        )
        return None
    rank = min(theirs.priority, _MAX_PRIORITY)
    return -rank if options.priority == "redis" else rank


def _faults(row: PeriodicTask, theirs: OldRow, *, readable: bool) -> list[str]:
    """Return the faults of the task, its arguments and its queue."""
    remedies = {
        "queue_name": f"Add it there, or choose another queue with --map-queue "
        f"{theirs.queue}=NAME.",
        "args": "Correct the task's signature or the old row.",
        "kwargs": "Correct the task's signature or the old row.",
    }
    if row.task_path not in registered_tasks():
        remedies["task_path"] = (
            f"Choose a task with --map {theirs.task}=PATH, or delete the old row."
        )
    faults = faults_of_task(row)
    if row.queue_name and (fault := name_fault(row.queue_name)):
        faults.setdefault("queue_name", f"{fault}.")
    if not readable:
        # The arguments in `row` are not the real ones, so their faults do not count.
        faults = {name: faults[name] for name in faults.keys() - {"args", "kwargs"}}
    return [f"{text} {remedies.get(name, '')}".strip() for name, text in faults.items()]


def _start(row: PeriodicTask, theirs: OldRow, remarks: list[str]) -> None:
    """Set the time from which ticks are counted, so that they keep their phase."""
    start, last = theirs.start_time, theirs.last_run_at
    if start is not None:
        # taskhub counts the ticks of a row from a whole second.
        start = start.replace(microsecond=0)
    if not isinstance(row.schedule, Interval):
        row.start_at = start
        return
    # Celery counts from the last run or, without a last run, from the last change.
    if start is not None and (last is None or last + row.schedule.period <= start):
        row.start_at = start
        return
    row.created_at = last or theirs.date_changed
    if start is not None:
        remarks.append(
            f"Its start, {start.isoformat()}, is left out: it has run since then, and "
            "its ticks are counted from the last run."
        )


def _expire(row: PeriodicTask, theirs: OldRow, remarks: list[str]) -> None:
    """Set the end or the expiry of runs. If the old row has both, the end counts."""
    if theirs.expires is None:
        if theirs.expire_seconds:
            row.expires_after = timedelta(seconds=theirs.expire_seconds)
        return
    row.end_at = theirs.expires
    if row.rule.next_after(theirs.expires - _MICROSECOND) == theirs.expires:
        # Celery does not fire at the end itself.
        row.end_at -= _MICROSECOND
    remarks.append(
        f"Its expires, {theirs.expires.isoformat()}, becomes its end: it does not "
        "fire after this time, but a run that waits then is still started."
    )


def _note_what_is_left_out(theirs: OldRow, remarks: list[str]) -> None:
    has_headers = (theirs.headers or "").strip() not in ("", "{}", "null")
    given = {
        "exchange": theirs.exchange,
        "routing_key": theirs.routing_key,
        "headers": theirs.headers if has_headers else None,
    }
    if names := [name for name, value in given.items() if value]:
        remarks.append(
            f"Left out: {', '.join(names)}; taskhub has only queues. If the task needs "
            "a value from them, pass it as an argument."
        )


def _note_the_plan(
    row: PeriodicTask, theirs: OldRow, remarks: list[str], now: datetime
) -> None:
    if not row.enabled:
        if theirs.enabled:
            remarks.append(f"It is imported as disabled: {row.disabled_reason}")
        return
    since = max(filter(None, (theirs.last_run_at or theirs.date_changed, row.start_at)))
    missed = row.rule.next_after(since)
    if missed is None or row.next_run_at is None:
        return
    if missed < now - _LAST_RUN_DELAY and row.next_run_at > now + _MIN_TIME_TO_NEXT_RUN:
        remarks.append(
            f"It was due at {missed.isoformat()}, and Celery has recorded no run since "
            "then. Run it by hand to catch up."
        )
