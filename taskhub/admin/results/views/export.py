"""The export of the filtered results as a file, which is streamed."""

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from taskhub.admin.actions import require
from taskhub.admin.results.selection import (
    describe_selection,
    selection_of,
    with_cause_name,
)
from taskhub.admin.results.views.bulk import refuse
from taskhub.exceptions import InvalidOption, SearchTimeout
from taskhub.models import TaskResult
from taskhub.operations.results import Selection
from taskhub.operations.results.exports import COLUMNS, export

#: The minimum size of a piece that is streamed over ASGI, except the last one.
MIN_PIECE_CHARACTERS = 64 * 1024
#: Spreadsheets treat values that start with these as formulas.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file for csv.writer: write() returns the line, and so does writerow()."""

    def write(self, text: str) -> str:
        return text


def as_csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a CSV file, with lists and objects as JSON."""
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow([_cell(row[name]) for name in COLUMNS])


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def as_json(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield a JSON list with one line per result."""
    start = "[\n"
    for row in rows:
        yield start + json.dumps(row, ensure_ascii=False)
        start = ",\n"
    yield "\n]\n" if start == ",\n" else "[]\n"


def _in_pieces(lines: Iterator[str], request: HttpRequest) -> Any:
    """Return lines as Django can stream them: over ASGI, as an async iterator."""
    if not isinstance(request, ASGIRequest):
        return lines
    return _async_pieces(lines)


async def _async_pieces(lines: Iterator[str]) -> AsyncIterator[str]:
    """Yield pieces of many lines, read in the thread of the database connection."""

    def read() -> str:
        piece: list[str] = []
        size = 0
        while size < MIN_PIECE_CHARACTERS and (line := next(lines, "")):
            piece.append(line)
            size += len(line)
        return "".join(piece)

    while piece := await sync_to_async(read, thread_sensitive=True)():
        yield piece


_FORMATS: dict[str, tuple[str, Callable[..., Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "json": ("application/json", as_json),
}


def export_view(model_admin: Any, request: HttpRequest, kind: str) -> HttpResponseBase:
    """Stream the results that the filters in the address select, as CSV or JSON."""
    if kind not in _FORMATS:
        raise Http404
    require(model_admin, request, "export")
    try:
        shown = model_admin.get_queryset(request)
        selection = with_cause_name(selection_of(request.GET.dict()), shown)
        rows = export(selection, shown)
        # Read the first row now, while an error can still be shown on a page.
        rows = chain(list(islice(rows, 1)), rows)
    except (InvalidOption, SearchTimeout) as error:
        return refuse(model_admin, request, error)
    _log_export(request, kind, selection)
    content_type, write = _FORMATS[kind]
    name = f"results-{timezone.localtime():%Y-%m-%d-%H%M}.{kind}"
    return StreamingHttpResponse(
        _in_pieces(write(rows), request),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _log_export(request: HttpRequest, kind: str, selection: Selection) -> None:
    facts = ", ".join(
        f"{name}: {value}" for name, value in describe_selection(selection)
    )
    user: Any = request.user
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(TaskResult),
        # An export has no single object.
        object_id=None,
        object_repr=str(TaskResult._meta.verbose_name_plural),
        action_flag=CHANGE,
        change_message=_("Exported as %(kind)s (%(facts)s).")
        % {"kind": kind.upper(), "facts": facts or _("all")},
    )
