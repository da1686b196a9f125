"""The list's filters as a selection, so that what is seen is what is acted on."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from taskhub.admin.keys import read_key
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

#: As many as one page of a list may have, and a form send.
MAX_TICKED = 1_000
#: What an address may have that does not narrow the list.
_BESIDE = {"o", "p", "e", "all", "per_second"}


def selection_of(query: Mapping[str, str]) -> Selection:
    """
    Return what the list shows with such a query in its address.

    Raise InvalidOption for what no selection knows: to leave that out would be to mean
    more results than are seen.
    """
    known = {name: value for name, value in query.items() if value}
    since = known.pop(EnqueuedFilter.parameter_name, "")
    selection: dict[str, Any] = {
        "status": known.pop(StatusFilter.parameter_name, ""),
        "task_path": known.pop(TaskFilter.parameter_name, ""),
        "queue_name": known.pop(QueueFilter.parameter_name, ""),
        "cause": known.pop(CauseFilter.parameter_name, ""),
        "search": known.pop("q", ""),
        "periodic_task": _number(known.pop(PeriodicTaskFilter.parameter_name, "")),
        "parent": _uuid(known.pop(ParentFilter.parameter_name, "")),
    }
    if since:
        if since not in EnqueuedFilter.spans:
            raise InvalidOption(f"{since!r} is no span of time.")
        _title, span = EnqueuedFilter.spans[since]
        selection["enqueued_from"] = timezone.now() - span
    if unknown := known.keys() - _BESIDE:
        raise InvalidOption(f"Results cannot be acted on by {', '.join(unknown)}.")
    return Selection(**selection)


def chosen_selection(request: HttpRequest) -> Selection:
    """
    Return what is meant by an action of the list: the rows that are ticked, or all.

    Raise InvalidOption as selection_of() does.
    """
    if request.POST.get("select_across") == "1":
        return selection_of(request.GET.dict())
    ids = request.POST.getlist("_selected_action")
    chosen = Selection(ids=tuple(pk for each in ids if (pk := _uuid(each))))
    return refuse_too_many(chosen)


def refuse_too_many(selection: Selection) -> Selection:
    """Return a selection. Raise InvalidOption if it names too many results by id."""
    if len(selection.ids) > MAX_TICKED:
        raise InvalidOption(
            f"At most {MAX_TICKED:,} results are chosen one by one, not "
            f"{len(selection.ids):,}; choose them by a filter."
        )
    return selection


def filters_of(query: QueryDict) -> str:
    """Return the part of an address that narrows the list."""
    kept = query.copy()
    for name in _BESIDE:
        kept.pop(name, None)
    return kept.urlencode()


def with_cause_in_words(selection: Selection, rows: Any) -> Selection:
    """Return a selection that knows what its cause is called, by some results."""
    if not selection.cause:
        return selection
    words = name_cause(selection.cause, rows)
    return msgspec.structs.replace(selection, cause_in_words=words)


def words_of(selection: Selection) -> Iterator[tuple[str, str]]:
    """Yield what a selection is narrowed by, in words."""
    if selection.ids:
        yield _("Chosen one by one"), f"{len(selection.ids):,}"
    if cause := selection.cause:
        yield _("Cause"), selection.cause_in_words or cause
    named = {
        "status": _("Status"),
        "task_path": _("Task"),
        "queue_name": _("Queue"),
        "periodic_task": _("Periodic task"),
        "parent": _("Enqueued by the run of"),
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


def _number(text: str) -> int | None:
    if not text:
        return None
    if (key := read_key(text)) is None:
        raise InvalidOption(f"{text[:50]!r} is no periodic task.")
    return key


def _uuid(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidOption(f"{text[:50]!r} is no result.") from None
