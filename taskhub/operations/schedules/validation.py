"""Validate periodic tasks."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone

from taskhub.compat import django_tasks as compat
from taskhub.exceptions import CannotRun, InvalidArguments, InvalidSchedule, UnknownTask
from taskhub.models import PeriodicTask
from taskhub.models.periodic.periodic_task import as_schedule
from taskhub.operations.schedules.runs import (
    config_of_task,
    due_at,
    faults_of_json,
    make_run,
    variant_of,
)
from taskhub.schedules import Clocked
from taskhub.tasks import find_task
from taskhub.tasks.codec import encode_without_notes


def validate(row: PeriodicTask) -> dict[str, str]:
    """Return the faults of a periodic task: a sentence for each field that has one."""
    faults: dict[str, str] = {}
    try:
        schedule = as_schedule(row)
        # A schedule that cannot be read raises here.
        next_tick = schedule.next_after(timezone.now())
        if isinstance(schedule, Clocked) and next_tick is None:
            faults["schedule"] = "This time is in the past."
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
        faults["expires_after"] = "No run starts within 0 seconds; expected more."
    return _faults_of_columns(row) | faults | faults_of_task(row)


def _faults_of_columns(row: PeriodicTask) -> dict[str, str]:
    """Return the faults of values that are too long, or not one of the choices."""
    checked_elsewhere = {"args", "kwargs", "schedule"}
    exclude = {
        field.name
        for field in row._meta.fields
        if not field.editable or field.name in checked_elsewhere
    }
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        return {name: " ".join(texts) for name, texts in error.message_dict.items()}
    return {}


def faults_of_task(row: PeriodicTask) -> dict[str, str]:
    """Return the faults of the task, its arguments and its queue; see validate()."""
    try:
        task = find_task(row.task_path)
    except UnknownTask as error:
        return {"task_path": str(error)}
    if faults := faults_of_json(row):
        return faults
    try:
        encode_without_notes(task.func, task.takes_context, row.args, row.kwargs)
    except InvalidArguments as error:
        return {"kwargs" if row.kwargs else "args": str(error)}
    try:
        config_of_task(variant_of(row, task))
    except (compat.InvalidTask, compat.InvalidTaskBackend) as error:
        is_about_priority = "riority" in str(error)
        return {"priority" if is_about_priority else "queue_name": str(error)}
    except CannotRun as error:
        return {"task_path": str(error)}
    return _faults_of_run(row)


def _faults_of_run(row: PeriodicTask) -> dict[str, str]:
    """Return the faults that only appear when a run is made."""
    now = timezone.now()
    try:
        due_at(row, now)
    except CannotRun as error:
        return {"jitter": str(error)}
    try:
        make_run(row, now)
    except CannotRun as error:
        if "would expire" in str(error):
            return {"expires_after": str(error)}
        return {"kwargs" if row.kwargs else "args": str(error)}
    return {}
