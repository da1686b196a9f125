"""Making up for past runs: a page that asks for dates, tells what it would do, asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taskhub import operations
from taskhub.admin import schedule_words as words
from taskhub.admin.addresses import (
    address,
    list_address,
    row_address,
    with_filters,
)
from taskhub.admin.done import Done
from taskhub.admin.forms.date_time import MomentField
from taskhub.admin.keys import read_key
from taskhub.admin.periodic_tasks.operating import Operating
from taskhub.exceptions import TaskHubError
from taskhub.models import PeriodicTask
from taskhub.operations.schedules.actions import MAX_BACKFILLED_RUNS

#: So many rows are dealt with on one page, and so long a time.
_MOST_ROWS = 20
_LONGEST = timedelta(days=366)
#: Of many runs, so many are shown from either end.
_SHOWN = 3

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[PeriodicTask]
else:
    _Admin = object


class BackfillForm(forms.Form):
    """From when to when, in the current time zone."""

    start = MomentField(label=gettext_lazy("From"))
    end = MomentField(label=gettext_lazy("To, included"))

    def clean(self) -> dict[str, Any]:
        """Refuse what is empty, has not been yet, or is too long."""
        start, end = self.cleaned_data.get("start"), self.cleaned_data.get("end")
        if start is None or end is None:
            return self.cleaned_data
        if end < start:
            self.add_error("end", _("The end is before the start."))
        elif start > timezone.now():
            self.add_error("start", _("Only what is past can be made up for."))
        elif end - start > _LONGEST:
            self.add_error("end", _("Make up for a year at a time, at most."))
        return self.cleaned_data


@dataclass(frozen=True)
class Outlook:
    """What would be run of one row."""

    row: PeriodicTask
    count: int = 0
    #: Whether there are more than can be made up for at a time.
    is_capped: bool = False
    first: Sequence[str] = ()
    last: Sequence[str] = ()
    fault: str = ""


@dataclass(frozen=True)
class Range:
    """From when to when; not beyond now."""

    start: datetime
    end: datetime = field(default_factory=timezone.now)

    def __str__(self) -> str:
        return f"{_in_words(self.start)} \N{EN DASH} {_in_words(self.end)}"


def foresee(row: PeriodicTask, between: Range) -> Outlook:
    """Say what backfilling a row would do; nothing is done."""
    faults = operations.schedules.validate(row)
    # Whether it fires again is of no concern here.
    wrong = [faults[name] for name in faults if name not in ("schedule", "end_at")]
    try:
        ticks, more = operations.schedules.ticks_to_backfill(
            row, between.start, between.end
        )
    except TaskHubError as error:
        return Outlook(row, fault=str(error))
    if wrong:
        return Outlook(row, fault=wrong[0])
    shown = [_in_words(tick) for tick in ticks]
    if len(shown) > 2 * _SHOWN:
        return Outlook(row, len(ticks), more, shown[:_SHOWN], shown[-_SHOWN:])
    return Outlook(row, len(ticks), more, shown)


def _in_words(moment: datetime) -> str:
    return words.full_time(timezone.localtime(moment))


class Backfilling(Operating):
    """The page, and the ways to it."""

    actions = (*Operating.actions, "backfill_selected")

    @admin.action(
        permissions=["run"], description=gettext_lazy("Backfill the selected…")
    )
    def backfill_selected(
        self, request: HttpRequest, rows: QuerySet[PeriodicTask]
    ) -> HttpResponse | None:
        """Ask from when to when."""
        pks = list(rows.order_by("name").values_list("pk", flat=True)[: _MOST_ROWS + 1])
        if len(pks) > _MOST_ROWS:
            text = _("At most %d periodic tasks are backfilled at a time.") % _MOST_ROWS
            self.message_user(request, text, messages.ERROR)
            return None
        return redirect(self._backfill_url(request, pks))

    def buttons(self, request: HttpRequest, row: PeriodicTask) -> list[dict[str, Any]]:
        """Return the buttons, and the link to the page."""
        shown = super().buttons(request, row)
        if self.has_run_permission(request, row):
            label, link = _("Backfill…"), self._backfill_url(request, [row.pk])
            shown.append({"name": "backfill", "label": label, "link": link})
        return shown

    def _backfill_url(self, request: HttpRequest, pks: Sequence[int]) -> str:
        query = urlencode({"ids": ",".join(map(str, pks))})
        url = f"{address(self.admin_site, 'periodictask_backfill')}?{query}"
        return with_filters(self, request, url)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.backfill_view)
        url = path("backfill/", view, name="taskhub_periodictask_backfill")
        return [url, *super().get_urls()]

    def backfill_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for dates (GET), tell what would be run (GET), run it (POST)."""
        if not (self.has_run_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        rows = self._chosen_rows(request)
        given = request.POST if request.method == "POST" else request.GET
        now = timezone.now()
        # Nothing stands in a form that was sent: what it says is meant to the second.
        proposed = {"start": now - timedelta(days=1), "end": now}
        is_sent = "start_0" in given
        form = BackfillForm(
            given if is_sent else None, initial={} if is_sent else proposed
        )
        if not form.is_valid():
            return self._backfill_page(request, rows, form, [])
        start, end = form.cleaned_data["start"], form.cleaned_data["end"]
        between = Range(start, min(end, now))
        if request.method == "POST":
            return self._backfill(request, rows, between)
        outlooks = [foresee(row, between) for row in rows]
        return self._backfill_page(request, rows, form, outlooks)

    def _chosen_rows(self, request: HttpRequest) -> list[PeriodicTask]:
        given = (request.POST.get("ids") or request.GET.get("ids", "")).split(",")
        ids = [read_key(each) for each in given]
        if None in ids or len(ids) > _MOST_ROWS:
            raise Http404
        rows = list(self.get_queryset(request).filter(pk__in=ids).order_by("name"))
        if not rows:
            raise Http404
        return rows

    def _backfill_page(
        self,
        request: HttpRequest,
        rows: list[PeriodicTask],
        form: BackfillForm,
        outlooks: list[Outlook],
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Make up for past runs"),
            "opts": self.opts,
            # The last of the breadcrumbs.
            "original": rows[0] if len(rows) == 1 else _("Backfill"),
            "media": self.media + form.media,
            "form": form,
            "rows": rows,
            "ids": ",".join(str(row.pk) for row in rows),
            "outlooks": outlooks,
            "runs": sum(outlook.count for outlook in outlooks),
            "most": MAX_BACKFILLED_RUNS,
            # For the form that asks, whose address has none of them.
            "list_filters": request.GET.get("_changelist_filters", ""),
            "back": list_address(self, request),
            "zone": timezone.get_current_timezone_name(),
            "has_view_permission": True,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request, "admin/taskhub/periodictask/backfill.html", context
        )

    def _backfill(
        self, request: HttpRequest, rows: list[PeriodicTask], between: Range
    ) -> HttpResponse:
        def make_up(row: PeriodicTask, by: str) -> Done:
            results = operations.schedules.backfill(row, between.start, between.end)
            if not results:
                text = _("“%s” has nothing to make up for.") % row.name
                return Done(text, level=messages.WARNING)
            details = {
                "name": row.name,
                "count": len(results),
                "range": between,
            }
            said = ngettext(
                "“%(name)s” was asked for %(count)d run of %(range)s.",
                "“%(name)s” was asked for %(count)d runs of %(range)s.",
                len(results),
            )
            logged = ngettext(
                "Backfilled %(count)d run of %(range)s.",
                "Backfilled %(count)d runs of %(range)s.",
                len(results),
            )
            return Done(said % details, logged % details)

        self.do(request, rows, make_up)
        if len(rows) == 1:
            url = row_address(self.admin_site, rows[0])
            return redirect(with_filters(self, request, url))
        return redirect(list_address(self, request))
