"""What is shown while somebody types: the schedule in words, and its next runs."""

from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from taskhub.admin import schedule_words as words
from taskhub.admin.forms.date_time import MomentField
from taskhub.admin.keys import read_key
from taskhub.admin.periodic_tasks.display.upcoming_runs import (
    Foretold,
    foretell,
    relative,
    zone_of,
)
from taskhub.admin.periodic_tasks.schedule_form import ScheduleForm
from taskhub.models import PeriodicTask
from taskhub.schedules import Clocked

#: Of the fields that are still empty, nothing is said while somebody types.
_UNSAID = ("incomplete", "required")


class PreviewForm(ScheduleForm):
    """A schedule in fields, and what else decides when it fires."""

    start_at = MomentField(required=False)
    end_at = MomentField(required=False)
    max_runs = forms.IntegerField(required=False)

    def clean(self) -> dict[str, Any]:
        """Read the schedule, too."""
        self.read_schedule()
        return self.cleaned_data


def preview(
    form: PreviewForm, row: PeriodicTask, browser_zone: str, now: datetime
) -> dict[str, Any]:
    """
    Return what is to be shown of a form, as JSON has it.

    `row` is what it would be written into: an own copy, which is changed and not saved.
    `browser_zone` is named by the browser, and disregarded if there is none like it.
    """
    if not form.is_valid() or form.schedule is None:
        return {"errors": _errors_of(form), "words": "", "runs": []}
    row.schedule = form.schedule
    for name in ("start_at", "end_at", "max_runs"):
        setattr(row, name, form.cleaned_data[name])
    zone, other = zone_of(row), _find_zone(browser_zone)
    runs = foretell(row, now)
    differs = other is not None and any(
        words.local_time(run.at, other).utcoffset() != run.there.utcoffset()
        for run in runs
    )
    return {
        "errors": {},
        "words": words.describe(form.schedule),
        "zone": str(zone),
        "browser_zone": browser_zone if differs else "",
        "runs": [as_json(run, other if differs else None, now) for run in runs],
    }


def as_json(run: Foretold, other: tzinfo | None, now: datetime) -> dict[str, str]:
    """Return one run, with its time in another zone if there is one to show."""
    return {
        "at": run.at.isoformat(),
        "there": words.full_time(run.there),
        "here": words.full_time(words.local_time(run.at, other)) if other else "",
        "until": relative(run.at, now),
        "clocks": run.clocks,
        "pause": run.pause,
    }


def _errors_of(form: PreviewForm) -> dict[str, list[str]]:
    errors = {
        name: [fault["message"] for fault in faults if fault["code"] not in _UNSAID]
        for name, faults in form.errors.get_json_data().items()
    }
    return {name: faults for name, faults in errors.items() if faults}


def _find_zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def times_of(row: PeriodicTask) -> dict[str, Any]:
    """Return the times of a row as the form had them: what is left so stays so."""
    times = {"start_at": row.start_at, "end_at": row.end_at}
    if row.pk and isinstance(row.schedule, Clocked):
        times["at"] = row.schedule.at
    return times


def row_for_preview(
    pk: str, rows: QuerySet[PeriodicTask] | None = None
) -> PeriodicTask:
    """Return the row that is being edited, if it is among the rows, or an empty one."""
    rows = PeriodicTask.objects.all() if rows is None else rows
    row = rows.filter(pk=key).first() if (key := read_key(pk)) else None
    return row or PeriodicTask(created_at=timezone.now())
