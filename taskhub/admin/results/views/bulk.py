"""What is done to many results: a page that tells how many, and starts it."""

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin.addresses import address, row_address
from taskhub.admin.bounded import in_words
from taskhub.admin.responses import render
from taskhub.admin.results.permissions import Permissions
from taskhub.admin.results.selection import (
    chosen_selection,
    filters_of,
    refuse_too_many,
    selection_of,
    with_cause_in_words,
    words_of,
)
from taskhub.exceptions import InvalidOption, SearchTimeout
from taskhub.models import BulkAction, Node, TaskResult
from taskhub.operations.results import Selection
from taskhub.operations.results.rates import MAX_RATE, MIN_RATE
from taskhub.operations.results.selection import is_restricted
from taskhub.operations.results.time_limit import search_time_limit

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object

Kind = BulkAction.Kind
#: What is told on the list of results, instead of a page of its own.
_REFUSALS = (InvalidOption, SearchTimeout)
#: As many ids are stored with a bulk action, for a site that shows people only some.
MOST_STORED = 10_000
_NO_RESULT = UUID(int=0)
#: As far as is counted for somebody who waits for a page, and for the progress bar.
MOST_FORETOLD = 100_000
MOST_EXPECTED = 1_000_000

TITLES: dict[str, Promise] = {
    Kind.RETRY: gettext_lazy("Try results again"),
    Kind.CANCEL: gettext_lazy("Cancel results"),
    Kind.DELETE: gettext_lazy("Delete results"),
}
_MEANINGS: dict[str, Promise] = {
    Kind.RETRY: gettext_lazy(
        "Each goes on with its id and its errors, and has all of its task's attempts "
        "anew. Those that are unfinished by then are left alone."
    ),
    Kind.CANCEL: gettext_lazy(
        "What waits is never run. What runs is cancelled, whatever comes of it, and "
        "its task is asked to end."
    ),
    Kind.DELETE: gettext_lazy(
        "They are gone for good, with their logs. What waits is never run; what comes "
        "of those that run is not recorded."
    ),
}


class BulkForm(forms.Form):
    """How it is to be done; each kind has its own options."""

    per_second = forms.FloatField(
        label=gettext_lazy("At most so many per second"),
        required=False,
        min_value=MIN_RATE,
        max_value=MAX_RATE,
        help_text=gettext_lazy(
            "Spreads them over time, so that what has just recovered is not overrun. "
            "Empty: all at once."
        ),
    )
    by_force = forms.BooleanField(
        label=gettext_lazy("By force"),
        required=False,
        help_text=gettext_lazy("Replace the processes that run them."),
    )

    def __init__(self, kind: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if kind != Kind.RETRY:
            del self.fields["per_second"]
        if kind != Kind.CANCEL:
            del self.fields["by_force"]


class Bulk(Permissions, _Admin):
    """The list's actions, and the page that they lead to."""

    actions: Any = ("retry_selected", "cancel_selected", "delete_selected")

    @admin.action(
        permissions=["retry"], description=gettext_lazy("Try the selected again…")
    )
    def retry_selected(self, request: HttpRequest, rows: Any) -> HttpResponse:
        return self._foretell_chosen(request, Kind.RETRY)

    @admin.action(
        permissions=["cancel"], description=gettext_lazy("Cancel the selected…")
    )
    def cancel_selected(self, request: HttpRequest, rows: Any) -> HttpResponse:
        return self._foretell_chosen(request, Kind.CANCEL)

    @admin.action(
        permissions=["delete"], description=gettext_lazy("Delete the selected…")
    )
    def delete_selected(self, request: HttpRequest, rows: Any) -> HttpResponse:
        return self._foretell_chosen(request, Kind.DELETE)

    def may(self, request: HttpRequest, kind: str) -> bool:
        """Whether somebody may do that to results."""
        ask: Any = getattr(self, f"has_{kind}_permission")
        return bool(ask(request)) and self.has_view_permission(request)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.bulk_view)
        url = path("bulk/<slug:kind>/", view, name="taskhub_taskresult_bulk")
        return [url, *super().get_urls()]

    def bulk_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Tell how many it would be (GET), and start it (POST)."""
        if kind not in Kind.values:
            raise Http404
        if not self.may(request, kind):
            raise PermissionDenied
        try:
            if request.method == "POST":
                return self._start(request, kind)
            selection = selection_of(request.GET.dict())
            initial = {"per_second": request.GET.get("per_second")}
            form = BulkForm(kind, initial=initial)
            return self._foretell(request, kind, selection, form)
        except _REFUSALS as error:
            return self._refuse(request, error)

    def _foretell_chosen(self, request: HttpRequest, kind: str) -> HttpResponse:
        try:
            selection = chosen_selection(request)
            return self._foretell(request, kind, selection, BulkForm(kind))
        except _REFUSALS as error:
            return self._refuse(request, error)

    def _refuse(self, request: HttpRequest, error: Exception) -> HttpResponse:
        self.message_user(request, str(error), messages.ERROR)
        return redirect(address(self.admin_site, "taskresult_changelist"))

    def _foretell(
        self, request: HttpRequest, kind: str, selection: Selection, form: BulkForm
    ) -> HttpResponse:
        rows: Any = self.get_queryset(request)
        selection = with_cause_in_words(selection.until_now(), rows)
        count = count_affected(kind, selection, rows, MOST_FORETOLD)
        filters = f"?{query}" if (query := filters_of(request.GET)) else ""
        return render(
            self,
            request,
            "admin/taskhub/taskresult/bulk.html",
            title=TITLES[kind],
            original=TITLES[kind],
            media=self.media + form.media,
            kind=kind,
            url=f"{address(self.admin_site, 'taskresult_bulk', kind)}{filters}",
            back=f"{address(self.admin_site, 'taskresult_changelist')}{filters}",
            form=form,
            selection=json.dumps(selection.to_json()),
            words=list(words_of(selection)),
            count=count,
            count_in_words=in_words(count, MOST_FORETOLD),
            meaning=_MEANINGS[kind],
            is_anybody_there=Node.objects.present().exists(),
        )

    def _start(self, request: HttpRequest, kind: str) -> HttpResponse:
        selection = _read_selection(request.POST.get("selection", ""))
        form = BulkForm(kind, request.POST)
        if not form.is_valid():
            return self._foretell(request, kind, selection, form)
        rows: Any = self.get_queryset(request)
        selection = with_cause_in_words(selection.until_now(), rows)
        expected = count_affected(kind, selection, rows, MOST_EXPECTED)
        selection = bound_to(rows, kind, selection)
        action: Any = operations.results.start_bulk(
            kind,
            selection,
            by=request.user.get_username(),
            expected=expected if expected <= MOST_EXPECTED else None,
            **form.cleaned_data,
        )
        words = ", ".join(f"{name}: {value}" for name, value in words_of(selection))
        self.log_addition(request, action, _("Asked for (%s).") % words)
        self.message_user(request, _("It was asked for, and is being done."))
        # Where there are no pages of bulk actions, the list it is.
        url = row_address(self.admin_site, action)
        return redirect(url or address(self.admin_site, "taskresult_changelist"))


def count_affected(kind: str, selection: Selection, rows: Any, most: int) -> int:
    """Count to which of the rows it would be done; `most` + 1 if there are more."""
    meant: Any = operations.results.affected(kind, selection, rows)
    with search_time_limit(meant.db) if selection.search else nullcontext():
        return int(meant.order_by().values("pk")[: most + 1].count())


def bound_to(rows: Any, kind: str, selection: Selection) -> Selection:
    """
    Return a selection that means none but these rows when workers read it later.

    That is itself where the rows are all that there are. A site that shows people some
    of them has their ids stored.

    Raise InvalidOption if these are too many.
    """
    if not is_restricted(rows):
        return selection
    meant = operations.results.affected(kind, selection, rows).order_by("pk")
    with search_time_limit(meant.db) if selection.search else nullcontext():
        ids = list(meant.values_list("pk", flat=True)[: MOST_STORED + 1])
    if len(ids) > MOST_STORED:
        raise InvalidOption(
            _("At most %s results at a time; narrow them by a filter.")
            % f"{MOST_STORED:,}"
        )
    # None: no empty selection, which would mean all.
    return msgspec.structs.replace(selection, ids=tuple(ids) or (_NO_RESULT,))


def _read_selection(text: str) -> Selection:
    """Return what the page was about. Raise InvalidOption if it says nothing."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"This selects no results: {error}") from error
    return refuse_too_many(Selection.from_json(plain))
