"""Selections of results, made from the filters in the address of the list."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from taskhub.admin.lookups import read_key
from taskhub.admin.results.filters import (
    CauseFilter,
    EnqueuedFilter,
    ParentFilter,
    PeriodicTaskFilter,
    QueueFilter,
    StatusFilter,
    TaskFilter,
)
from taskhub.exceptions import InvalidOption
from taskhub.operations.results import Selection
from taskhub.operations.results.failures import name_cause

#: How many results can be selected one by one: Django's default limit of form fields.
MAX_SELECTED = 1_000
#: Parameters of an address that do not filter the list.
_OTHER_PARAMETERS = {"o", "p", "e", "all", "per_second"}


def selection_of(query: Mapping[str, str]) -> Selection:
    """
    Return a selection of the results that the list shows for a query string.

    Raise InvalidOption for unknown parameters: ignoring them would select more results.
    """
    known = {name: value for name, value in query.items() if value}
    since = known.pop(EnqueuedFilter.parameter_name, "")
    selection: dict[str, Any] = {
        "status": known.pop(StatusFilter.parameter_name, ""),
        "task_path": known.pop(TaskFilter.parameter_name, ""),
        "queue_name": known.pop(QueueFilter.parameter_name, ""),
        "cause": known.pop(CauseFilter.parameter_name, ""),
        "search": known.pop("q", ""),
        "periodic_task": _read_periodic_task_id(
            known.pop(PeriodicTaskFilter.parameter_name, "")
        ),
        "parent": _read_result_id(known.pop(ParentFilter.parameter_name, "")),
    }
    if since:
        if since not in EnqueuedFilter.spans:
            raise InvalidOption(f"{since!r} is not a time span.")
        _title, span = EnqueuedFilter.spans[since]
        selection["enqueued_from"] = timezone.now() - span
    if unknown := known.keys() - _OTHER_PARAMETERS:
        raise InvalidOption(f"Unknown filters of results: {', '.join(unknown)}.")
    return Selection(**selection)


def selected_results(request: HttpRequest) -> Selection:
    """
    Return the selection of the list: results that were selected one by one, or all.

    Raise InvalidOption as selection_of() does, or for more than MAX_SELECTED results.
    """
    if request.POST.get("select_across") == "1":
        return selection_of(request.GET.dict())
    ids = request.POST.getlist("_selected_action")
    chosen = Selection(ids=tuple(pk for each in ids if (pk := _read_result_id(each))))
    return refuse_too_many(chosen)


def refuse_too_many(selection: Selection) -> Selection:
    """Return the selection. Raise InvalidOption for more than MAX_SELECTED ids."""
    if len(selection.ids) > MAX_SELECTED:
        raise InvalidOption(
            f"At most {MAX_SELECTED:,} results can be selected one by one, not "
            f"{len(selection.ids):,}; use a filter."
        )
    return selection


def filters_of(query: QueryDict) -> str:
    """Return the parameters of a query string that filter the list."""
    kept = query.copy()
    for name in _OTHER_PARAMETERS:
        kept.pop(name, None)
    return kept.urlencode()


def with_cause_name(selection: Selection, rows: Any) -> Selection:
    """Return the selection with the name of its cause, read from one of `rows`."""
    if not selection.cause:
        return selection
    name = name_cause(selection.cause, rows)
    return msgspec.structs.replace(selection, cause_in_words=name)


def describe_selection(selection: Selection) -> Iterator[tuple[str, str]]:
    """Yield the conditions of a selection: labels and values."""
    if selection.ids:
        yield _("Selected one by one"), f"{len(selection.ids):,}"
    if cause := selection.cause:
        yield _("Cause"), selection.cause_in_words or cause
    named = {
        "status": _("Status"),
        "task_path": _("Task"),
        "queue_name": _("Queue"),
        "periodic_task": _("Periodic task"),
        "parent": _("Parent"),
        "search": _("Search"),
    }
    for name, title in named.items():
        if value := getattr(selection, name):
            yield title, str(value)
    for moment, title in (
        (selection.enqueued_from, _("Enqueued from")),
        (selection.enqueued_before, _("Enqueued before")),
    ):
        if moment is not None:
            yield title, timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S")


def _read_periodic_task_id(text: str) -> int | None:
    if not text:
        return None
    if (key := read_key(text)) is None:
        raise InvalidOption(f"{text[:50]!r} is not the id of a periodic task.")
    return key


def _read_result_id(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidOption(f"{text[:50]!r} is not the id of a result.") from None
