"""A page that asks for a period, shows its past runs, and enqueues them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin.actions import perform, require
from taskhub.admin.addresses import (
    address,
    list_address,
    row_address,
    with_filters,
)
from taskhub.admin.forms.date_time import MomentField
from taskhub.admin.lookups import read_key
from taskhub.admin.periodic_tasks.actions import BACKFILL
from taskhub.admin.responses import render
from taskhub.admin.schedule_words import full_time
from taskhub.exceptions import TaskHubError
from taskhub.models import PeriodicTask
from taskhub.operations.schedules.actions import MAX_BACKFILLED_RUNS

MAX_ROWS = 20
MAX_PERIOD = timedelta(days=366)
#: If there are many runs, the page shows this many of the first and of the last ones.
_SHOWN_RUNS = 3


class BackfillForm(forms.Form):
    """Ask for a period in the current time zone."""

    start = MomentField(label=gettext_lazy("From"))
    end = MomentField(label=gettext_lazy("To, inclusive"))

    def clean(self) -> dict[str, Any]:
        """Refuse a period that is empty, in the future, or too long."""
        start, end = self.cleaned_data.get("start"), self.cleaned_data.get("end")
        if start is None or end is None:
            return self.cleaned_data
        if end < start:
            self.add_error("end", _("The end is before the start."))
        elif start > timezone.now():
            self.add_error("start", _("Only past runs can be backfilled."))
        elif end - start > MAX_PERIOD:
            self.add_error("end", _("At most one year can be backfilled at a time."))
        return self.cleaned_data


@dataclass(frozen=True)
class Outlook:
    """What a backfill would enqueue for one row."""

    row: PeriodicTask
    count: int = 0
    #: Whether there are more runs than can be backfilled at a time.
    is_capped: bool = False
    first: Sequence[str] = ()
    last: Sequence[str] = ()
    fault: str = ""


@dataclass(frozen=True)
class Period:
    """A period that does not reach into the future."""

    start: datetime
    end: datetime = field(default_factory=timezone.now)

    def __str__(self) -> str:
        return f"{_local_text(self.start)} \N{EN DASH} {_local_text(self.end)}"


def foresee(row: PeriodicTask, period: Period) -> Outlook:
    """Return what a backfill of a row would enqueue."""
    faults = operations.schedules.validate(row)
    # Past runs do not depend on whether the schedule fires again.
    wrong = [faults[name] for name in faults if name not in ("schedule", "end_at")]
    try:
        ticks, more = operations.schedules.ticks_to_backfill(
            row, period.start, period.end
        )
    except TaskHubError as error:
        return Outlook(row, fault=str(error))
    if wrong:
        return Outlook(row, fault=wrong[0])
    shown = [_local_text(tick) for tick in ticks]
    if len(shown) > 2 * _SHOWN_RUNS:
        first, last = shown[:_SHOWN_RUNS], shown[-_SHOWN_RUNS:]
        return Outlook(row, len(ticks), more, first, last)
    return Outlook(row, len(ticks), more, shown)


def _local_text(moment: datetime) -> str:
    return full_time(timezone.localtime(moment))


@admin.action(
    permissions=["run"], description=gettext_lazy("Backfill past runs of the selected…")
)
def backfill_selected(
    model_admin: Any, request: HttpRequest, rows: QuerySet[PeriodicTask]
) -> HttpResponse | None:
    """Redirect to the backfill page for the selected rows, at most MAX_ROWS."""
    pks = list(rows.order_by("name").values_list("pk", flat=True)[: MAX_ROWS + 1])
    if len(pks) > MAX_ROWS:
        text = _("At most %d periodic tasks can be backfilled at a time.") % MAX_ROWS
        model_admin.message_user(request, text, messages.ERROR)
        return None
    return redirect(backfill_url(model_admin, request, pks))


def backfill_url(model_admin: Any, request: HttpRequest, pks: Sequence[int]) -> str:
    """Return the address of the backfill page for some rows."""
    query = urlencode({"ids": ",".join(map(str, pks))})
    url = f"{address(model_admin.admin_site, 'periodictask_backfill')}?{query}"
    return with_filters(model_admin, request, url)


def backfill_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask for a period (GET), show its past runs (GET), or enqueue them (POST)."""
    require(model_admin, request, BACKFILL.permission)
    rows = _requested_rows(model_admin, request)
    given = request.POST if request.method == "POST" else request.GET
    now = timezone.now()
    # A submitted form gets no initial values: MomentField would take their fractions of
    # a second for an input with the same text.
    proposed = {"start": now - timedelta(days=1), "end": now}
    is_sent = "start_0" in given
    form = BackfillForm(given if is_sent else None, initial={} if is_sent else proposed)
    if not form.is_valid():
        return _page(model_admin, request, rows, form, [])
    start, end = form.cleaned_data["start"], form.cleaned_data["end"]
    period = Period(start, min(end, now))
    if request.method != "POST":
        outlooks = [foresee(row, period) for row in rows]
        return _page(model_admin, request, rows, form, outlooks)
    perform(model_admin, request, BACKFILL, rows, {"period": period})
    if len(rows) == 1:
        url = row_address(model_admin.admin_site, rows[0])
        return redirect(with_filters(model_admin, request, url))
    return redirect(list_address(model_admin, request))


def _requested_rows(model_admin: Any, request: HttpRequest) -> list[PeriodicTask]:
    given = (request.POST.get("ids") or request.GET.get("ids", "")).split(",")
    ids = [read_key(each) for each in given]
    if None in ids or len(ids) > MAX_ROWS:
        raise Http404
    rows = model_admin.get_queryset(request).filter(pk__in=ids).order_by("name")
    if not rows:
        raise Http404
    return list(rows)


def _page(
    model_admin: Any,
    request: HttpRequest,
    rows: list[PeriodicTask],
    form: BackfillForm,
    outlooks: list[Outlook],
) -> HttpResponse:
    return render(
        model_admin,
        request,
        "admin/taskhub/periodictask/backfill.html",
        title=_("Backfill past runs"),
        original=rows[0] if len(rows) == 1 else _("Backfill"),
        media=model_admin.media + form.media,
        form=form,
        rows=rows,
        ids=",".join(str(row.pk) for row in rows),
        outlooks=outlooks,
        runs=sum(outlook.count for outlook in outlooks),
        limit=MAX_BACKFILLED_RUNS,
        # A GET form drops the query string, so a hidden field keeps the filters.
        list_filters=request.GET.get("_changelist_filters", ""),
        back=list_address(model_admin, request),
        zone=timezone.get_current_timezone_name(),
    )
