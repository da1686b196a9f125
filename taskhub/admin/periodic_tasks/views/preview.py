"""The preview of a form: the schedule in words, and its next runs."""

from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from taskhub.admin import schedule_words
from taskhub.admin.forms.date_time import MomentField
from taskhub.admin.lookups import read_key
from taskhub.admin.periodic_tasks.display.upcoming_runs import (
    as_json,
    upcoming_runs,
    zone_of,
)
from taskhub.admin.periodic_tasks.schedule_form import ScheduleForm
from taskhub.models import PeriodicTask
from taskhub.schedules import Clocked

#: Errors of empty fields are not shown while the user types.
_HIDDEN_CODES = ("incomplete", "required")


class PreviewForm(ScheduleForm):
    """The fields that decide when a periodic task fires."""

    start_at = MomentField(required=False)
    end_at = MomentField(required=False)
    max_runs = forms.IntegerField(required=False)

    def clean(self) -> dict[str, Any]:
        """Read the schedule."""
        self.read_schedule()
        return self.cleaned_data


def preview_view(model_admin: Any, request: HttpRequest) -> JsonResponse:
    """Return the preview of a form as JSON, for periodic.js."""
    may_see = model_admin.has_view_or_change_permission(request)
    if not (may_see or model_admin.has_add_permission(request)):
        raise PermissionDenied
    pk = request.GET.get("row", "") if may_see else ""
    row = row_for_preview(pk, model_admin.get_queryset(request))
    form = PreviewForm(request.GET, initial=times_of(row))
    zone = request.GET.get("browser_zone", "")
    return JsonResponse(preview(form, row, zone, timezone.now()))


def preview(
    form: PreviewForm, row: PeriodicTask, browser_zone: str, now: datetime
) -> dict[str, Any]:
    """
    Return the preview of a form as plain values.

    The edited `row` is changed but not saved. An unknown `browser_zone` is ignored.
    """
    if not form.is_valid() or form.schedule is None:
        return {"errors": _errors_of(form), "words": "", "runs": []}
    row.schedule = form.schedule
    for name in ("start_at", "end_at", "max_runs"):
        setattr(row, name, form.cleaned_data[name])
    zone, other = zone_of(row), _find_zone(browser_zone)
    runs = upcoming_runs(row, now)
    differs = other is not None and any(
        schedule_words.local_time(run.at, other).utcoffset() != run.local.utcoffset()
        for run in runs
    )
    return {
        "errors": {},
        "words": schedule_words.describe(form.schedule),
        "zone": str(zone),
        "browser_zone": browser_zone if differs else "",
        "runs": [as_json(run, other if differs else None, now) for run in runs],
    }


def _errors_of(form: PreviewForm) -> dict[str, list[str]]:
    errors = {
        name: [each["message"] for each in found if each["code"] not in _HIDDEN_CODES]
        for name, found in form.errors.get_json_data().items()
    }
    return {name: texts for name, texts in errors.items() if texts}


def _find_zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def times_of(row: PeriodicTask) -> dict[str, Any]:
    """Return the times of a row as initial values, which unedited inputs keep."""
    times = {"start_at": row.start_at, "end_at": row.end_at}
    if row.pk and isinstance(row.schedule, Clocked):
        times["at"] = row.schedule.at
    return times


def row_for_preview(
    pk: str, rows: QuerySet[PeriodicTask] | None = None
) -> PeriodicTask:
    """Return the edited row, or a new one if `rows` do not include it."""
    rows = PeriodicTask.objects.all() if rows is None else rows
    row = rows.filter(pk=key).first() if (key := read_key(pk)) else None
    return row or PeriodicTask(created_at=timezone.now())
