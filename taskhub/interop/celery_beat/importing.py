"""The decision about each row of django-celery-beat, and the import."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from django.db import transaction

from taskhub.interop.celery_beat.rows import CannotImportRow, ImportOptions, make_row
from taskhub.interop.celery_beat.tables import OldTask
from taskhub.models import PeriodicTask
from taskhub.models.base import results_database
from taskhub.models.periodic.periodic_task import as_schedule
from taskhub.schedules import Interval

#: Tasks of Celery that taskhub does not need, and why.
NOT_NEEDED = {
    "celery.backend_cleanup": "It deletes Celery's old results; taskhub prunes its own "
    "without a periodic task.",
}
#: The fields that --update overwrites.
_OVERWRITTEN = (
    *("description", "task_path", "args", "kwargs", "schedule", "queue_name"),
    *("priority", "expires_after", "start_at", "end_at", "max_runs"),
)


class Verdict(Enum):
    """What happens to a row."""

    MADE = auto()
    OVERWRITTEN = auto()
    LEFT_ALONE = auto()
    NOT_NEEDED = auto()
    REFUSED = auto()


_WRITTEN = (Verdict.MADE, Verdict.OVERWRITTEN)
_EXISTS_ALREADY = "It exists already."
_NAME_IS_TAKEN = "Another periodic task has that name; --update overwrites it."
_DISABLED_HERE = (
    "It is disabled here, so --disable-old does not disable the old row; enable it "
    "here first."
)
_FROM_CODE = "The code declares a periodic task of that name; rename one of the two."


@dataclass(frozen=True)
class RowOutcome:
    """What happens to one row, and why."""

    old: OldTask
    verdict: Verdict
    remarks: list[str] = field(default_factory=list)
    #: The periodic task that is made, overwritten or found; None if there is none.
    row: PeriodicTask | None = None
    #: Whether `row` replaces the old row, which can then be disabled.
    is_imported: bool = False


def import_tasks(
    tasks: Iterable[OldTask],
    options: ImportOptions,
    now: datetime,
    *,
    update: bool = False,
    write: bool = False,
) -> list[RowOutcome]:
    """
    Return what happens to each row; with `write`, write all changes in one transaction.

    With `update`, overwrite periodic tasks that exist already.
    """
    alias = results_database()
    outcomes = []
    with transaction.atomic(using=alias):
        for old in tasks:
            rows = PeriodicTask.objects.using(alias).filter(name=old.row.name)
            existing = (rows.select_for_update() if write else rows).first()
            outcome = _judge(old, existing, options, now, update=update)
            outcomes.append(outcome)
            if write and outcome.row and outcome.verdict in _WRITTEN:
                outcome.row.save(using=alias)
    return outcomes


def _judge(
    old: OldTask,
    existing: PeriodicTask | None,
    options: ImportOptions,
    now: datetime,
    *,
    update: bool,
) -> RowOutcome:
    task = old.row.task
    if task in NOT_NEEDED and task not in options.tasks:
        return RowOutcome(old, Verdict.NOT_NEEDED, [NOT_NEEDED[task]])
    if existing and existing.from_code:
        return RowOutcome(old, Verdict.LEFT_ALONE, [_FROM_CODE], existing)
    try:
        row, remarks = make_row(old, options, now)
    except CannotImportRow as error:
        if existing and not update:
            return RowOutcome(old, Verdict.LEFT_ALONE, [_NAME_IS_TAKEN], existing)
        return RowOutcome(old, Verdict.REFUSED, error.reasons)
    if existing is None:
        return RowOutcome(old, Verdict.MADE, remarks, row, is_imported=True)
    return _compare(old, existing, row, remarks, now, update=update)


def _compare(
    old: OldTask,
    existing: PeriodicTask,
    row: PeriodicTask,
    remarks: list[str],
    now: datetime,
    *,
    update: bool,
) -> RowOutcome:
    if update:
        _overwrite(existing, row, now)
    elif _compared_values(existing) == _compared_values(row):
        remarks = [_EXISTS_ALREADY]
    else:
        return RowOutcome(old, Verdict.LEFT_ALONE, [_NAME_IS_TAKEN], existing)
    verdict = Verdict.OVERWRITTEN if update else Verdict.LEFT_ALONE
    # The task may be disabled here while Celery still fires it.
    is_imported = existing.enabled or not row.enabled
    if not is_imported:
        remarks.append(_DISABLED_HERE)
    return RowOutcome(old, verdict, remarks, existing, is_imported=is_imported)


def _compared_values(row: PeriodicTask) -> tuple[object, ...]:
    return row.task_path, as_schedule(row).text, row.args, row.kwargs


def _overwrite(existing: PeriodicTask, made: PeriodicTask, now: datetime) -> None:
    for name in _OVERWRITTEN:
        setattr(existing, name, getattr(made, name))
    ran = made.last_run_at
    if ran and (existing.last_run_at is None or ran > existing.last_run_at):
        # Celery still fires the task, so the old row has the current phase.
        existing.last_run_at = ran
        existing.total_run_count = max(existing.total_run_count, made.total_run_count)
        if isinstance(as_schedule(made), Interval):
            existing.created_at = made.created_at
    existing.plan(now)
