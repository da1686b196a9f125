"""Write the schedules that the code declares into the table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q

from taskhub.exceptions import InvalidArguments, UnknownTask
from taskhub.models import PeriodicTask
from taskhub.models.base import results_database
from taskhub.operations.schedules.validation import validate
from taskhub.tasks import Declared, declared_schedules, find_task
from taskhub.tasks.codec import encode_without_notes
from taskhub.tasks.declared import PeriodicOptions

#: Marks the rows that are enabled again if their declaration comes back.
NOT_DECLARED = "The code does not declare it any more."


@dataclass
class Synchronised:
    """The names of the schedules that were changed, or would be without `write`."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    #: Why other schedules cannot be written, by their names.
    faults: dict[str, str] = field(default_factory=dict)


def synchronise(*, write: bool = True) -> Synchronised:
    """
    Write the declared schedules into the table; without `write`, only compare them.

    Rows that operators disabled stay disabled. Rows without a declaration are disabled.
    Faulty schedules are not written. No schedule fires because of a change.
    """
    done = Synchronised()
    declared = declared_schedules()
    with transaction.atomic(using=results_database()):
        rows = {row.name: row for row in _lock_rows(declared)}
        for name, declaration in declared.items():
            _synchronise_one(declaration, rows.get(name), done, write=write)
        for name, row in rows.items():
            if row.from_code and row.enabled and name not in declared:
                done.disabled.append(name)
                row.disable(NOT_DECLARED)
                if write:
                    row.save()
    return done


def _lock_rows(names: Collection[str]) -> list[PeriodicTask]:
    """Lock and return the rows from code, and the rows with one of these names."""
    rows = PeriodicTask.writing.all()
    # Find the rows without locks first: a SELECT … FOR UPDATE may lock all rows that it
    # reads, and a beat skips locked rows.
    found = rows.filter(Q(from_code=True) | Q(name__in=names))
    pks = list(found.values_list("pk", flat=True))
    return list(rows.filter(pk__in=pks).select_for_update().order_by("pk"))


def _synchronise_one(
    declared: Declared, row: PeriodicTask | None, done: Synchronised, *, write: bool
) -> None:
    if row is not None and not row.from_code:
        done.faults[declared.name] = (
            "A schedule of this name was created by hand; rename one of them."
        )
        return
    is_new = row is None
    row = row or PeriodicTask(name=declared.name, from_code=True)
    before = _declared_values(row)
    _apply(declared, row)
    differs = is_new or _declared_values(row) != before
    if row.disabled_reason == NOT_DECLARED:
        row.enabled, row.disabled_reason, differs = True, "", True
    if not differs:
        return
    if faults := validate(row):
        sentences = [f"{name}: {fault}" for name, fault in faults.items()]
        done.faults[declared.name] = " ".join(sentences)
        return
    (done.created if is_new else done.updated).append(declared.name)
    if write:
        row.save(using=results_database())


def _apply(declared: Declared, row: PeriodicTask) -> None:
    row.task_path, row.schedule = declared.task_path, declared.schedule
    defaults = PeriodicTask()
    for option in _OPTIONS:
        default = getattr(defaults, option)
        setattr(row, option, declared.options.get(option, default))
    row.args, row.kwargs = _as_json(declared.task_path, row.args, row.kwargs)


def _as_json(
    task_path: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return declared arguments as the row has them; unchanged if they do not fit."""
    try:
        task = find_task(task_path)
        return encode_without_notes(task.func, task.takes_context, args, kwargs)
    except (UnknownTask, InvalidArguments):
        # validate() says what is wrong.
        return list(args), dict(kwargs)


def _declared_values(row: PeriodicTask) -> list[object]:
    names = ["task_path", *_OPTIONS]
    schedule = row.schedule.text if row.schedule else ""
    return [schedule, *(getattr(row, name) for name in names)]


_OPTIONS = tuple(PeriodicOptions.__annotations__)
