"""The page that shows the number of results of a bulk action, and starts it."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import msgspec
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taskhub import operations
from taskhub.admin.actions import require
from taskhub.admin.addresses import address, row_address
from taskhub.admin.paginator import format_count
from taskhub.admin.responses import render
from taskhub.admin.results.forms import BulkForm, Kind
from taskhub.admin.results.selection import (
    describe_selection,
    filters_of,
    refuse_too_many,
    selected_results,
    selection_of,
    with_cause_name,
)
from taskhub.exceptions import InvalidOption, SearchTimeout
from taskhub.models import Node
from taskhub.operations.results import Selection
from taskhub.operations.results.selection import is_restricted
from taskhub.operations.results.time_limit import search_time_limit

#: If an admin shows only some rows, a bulk action stores the ids of at most this many.
MAX_STORED_IDS = 10_000
#: The confirmation page counts up to this number of results.
MAX_CONFIRMED = 100_000
#: A bulk action of more results has a progress bar without a total.
MAX_EXPECTED = 1_000_000
#: An id that no result has.
_NO_RESULT = UUID(int=0)

TITLES: dict[str, Promise] = {
    Kind.RETRY: gettext_lazy("Retry results"),
    Kind.CANCEL: gettext_lazy("Cancel results"),
    Kind.DELETE: gettext_lazy("Delete results"),
}
_TEXTS: dict[str, Promise] = {
    Kind.RETRY: gettext_lazy(
        "Each result keeps its id and its errors, and gets all attempts of its task "
        "again. Unfinished results are not changed."
    ),
    Kind.CANCEL: gettext_lazy(
        "Waiting tasks never run. Running tasks are told to stop, and count as "
        "cancelled in any case."
    ),
    Kind.DELETE: gettext_lazy(
        "The results and their logs are deleted for good. Waiting tasks never run. The "
        "outcomes of running tasks are not recorded."
    ),
}


def menu_entry(kind: str, label: Any) -> Callable[..., HttpResponse]:
    """Return the entry of a bulk action in the list's menu, named <kind>_selected."""

    @admin.action(permissions=[kind], description=label)
    def confirm_selected(
        model_admin: Any, request: HttpRequest, rows: Any
    ) -> HttpResponse:
        try:
            selection = selected_results(request)
            return _confirm(model_admin, request, kind, selection, BulkForm(kind))
        except (InvalidOption, SearchTimeout) as error:
            return refuse(model_admin, request, error)

    confirm_selected.__name__ = f"{kind}_selected"
    entry: Callable[..., HttpResponse] = confirm_selected
    return entry


def bulk_view(model_admin: Any, request: HttpRequest, kind: str) -> HttpResponse:
    """Show the confirmation page of the filtered results (GET), or start (POST)."""
    if kind not in Kind.values:
        raise Http404
    require(model_admin, request, kind)
    try:
        if request.method == "POST":
            return _start(model_admin, request, kind)
        selection = selection_of(request.GET.dict())
        initial = {"per_second": request.GET.get("per_second")}
        form = BulkForm(kind, initial=initial)
        return _confirm(model_admin, request, kind, selection, form)
    except (InvalidOption, SearchTimeout) as error:
        return refuse(model_admin, request, error)


def refuse(model_admin: Any, request: HttpRequest, error: Exception) -> HttpResponse:
    """Redirect to the list, and show an error there."""
    model_admin.message_user(request, str(error), messages.ERROR)
    return redirect(address(model_admin.admin_site, "taskresult_changelist"))


def _confirm(
    model_admin: Any,
    request: HttpRequest,
    kind: str,
    selection: Selection,
    form: BulkForm,
) -> HttpResponse:
    rows = model_admin.get_queryset(request)
    selection = with_cause_name(selection.until_now(), rows)
    form.initial["selection"] = json.dumps(selection.to_json())
    count = count_affected(kind, selection, rows, MAX_CONFIRMED)
    filters = f"?{query}" if (query := filters_of(request.GET)) else ""
    site = model_admin.admin_site
    return render(
        model_admin,
        request,
        "admin/taskhub/confirm.html",
        title=TITLES[kind],
        original=TITLES[kind],
        media=model_admin.media + form.media,
        url=f"{address(site, 'taskresult_bulk', kind)}{filters}",
        back=f"{address(site, 'taskresult_changelist')}{filters}",
        form=form if count else None,
        is_impossible=not count,
        note=_count_text(count),
        text=_TEXTS[kind],
        facts=list(describe_selection(selection)),
        is_waiting_for_workers=not Node.objects.present().exists(),
        button=_button_text(kind, count),
        is_dangerous=kind == Kind.DELETE,
        count=count,
        selection=form.initial["selection"],
    )


def _count_text(count: int) -> str:
    text = ngettext("%(count)s result", "%(count)s results", count)
    return text % {"count": format_count(count, MAX_CONFIRMED)}


def _button_text(kind: str, count: int) -> str:
    texts: dict[str, str] = {
        Kind.RETRY: ngettext("Retry %s result", "Retry %s results", count),
        Kind.CANCEL: ngettext("Cancel %s result", "Cancel %s results", count),
        Kind.DELETE: ngettext("Delete %s result", "Delete %s results", count),
    }
    return texts[kind] % format_count(count, MAX_CONFIRMED)


def _start(model_admin: Any, request: HttpRequest, kind: str) -> HttpResponse:
    selection = _read_selection(request.POST.get("selection", ""))
    form = BulkForm(kind, request.POST)
    if not form.is_valid():
        return _confirm(model_admin, request, kind, selection, form)
    rows = model_admin.get_queryset(request)
    selection = with_cause_name(selection.until_now(), rows)
    expected = count_affected(kind, selection, rows, MAX_EXPECTED)
    options = {**form.cleaned_data}
    del options["selection"]
    selection = bound_to(rows, kind, selection)
    action: Any = operations.results.start_bulk(
        kind,
        selection,
        by=request.user.get_username(),
        expected=expected if expected <= MAX_EXPECTED else None,
        **options,
    )
    facts = ", ".join(
        f"{name}: {value}" for name, value in describe_selection(selection)
    )
    model_admin.log_addition(request, action, _("Requested (%s).") % facts)
    model_admin.message_user(request, _("Requested; in progress."))
    # The site may have no pages of bulk actions.
    url = row_address(model_admin.admin_site, action)
    return redirect(url or address(model_admin.admin_site, "taskresult_changelist"))


def count_affected(kind: str, selection: Selection, rows: Any, limit: int) -> int:
    """Count the rows that a bulk action would change, at most `limit` + 1."""
    affected: Any = operations.results.affected(kind, selection, rows)
    with search_time_limit(affected.db) if selection.search else nullcontext():
        return int(affected.order_by().values("pk")[: limit + 1].count())


def bound_to(rows: Any, kind: str, selection: Selection) -> Selection:
    """
    Return a selection that has only results of `rows`, those that the admin shows.

    Stewards, which perform the action, see all rows. If the admin shows all rows too,
    return the selection itself. Otherwise, return a selection by ids; raise
    InvalidOption if there are more than MAX_STORED_IDS.
    """
    if not is_restricted(rows):
        return selection
    affected = operations.results.affected(kind, selection, rows).order_by("pk")
    with search_time_limit(affected.db) if selection.search else nullcontext():
        ids = list(affected.values_list("pk", flat=True)[: MAX_STORED_IDS + 1])
    if len(ids) > MAX_STORED_IDS:
        raise InvalidOption(
            _("At most %s results at a time; narrow them by a filter.")
            % f"{MAX_STORED_IDS:,}"
        )
    # An empty list of ids would mean all results.
    return msgspec.structs.replace(selection, ids=tuple(ids) or (_NO_RESULT,))


def _read_selection(text: str) -> Selection:
    """Return the selection of the confirmation page. Raise InvalidOption if invalid."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"This selects no results: {error}") from error
    return refuse_too_many(Selection.from_json(plain))
