"""All results that match as a file, which is written while it is sent."""

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, ClassVar

from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from taskhub.admin.addresses import address
from taskhub.admin.results.permissions import Permissions
from taskhub.admin.results.selection import selection_of, with_cause_in_words, words_of
from taskhub.exceptions import InvalidOption, SearchTimeout
from taskhub.models import TaskResult
from taskhub.operations.results import Selection
from taskhub.operations.results.exports import COLUMNS, export

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object

#: A piece that is sent has at least so many characters, but for the last one.
_PIECE_CHARACTERS = 64 * 1024
#: What a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def as_csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a CSV file; lists and objects are JSON."""
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
    """Yield a JSON list, with a line for each result."""
    start = "[\n"
    for row in rows:
        yield start + json.dumps(row, ensure_ascii=False)
        start = ",\n"
    yield "\n]\n" if start == ",\n" else "[]\n"


def _in_pieces(lines: Iterator[str], request: HttpRequest) -> Any:
    """Return lines as a response streams them: an ASGI server only async ones."""
    if not isinstance(request, ASGIRequest):
        return lines
    return _async_pieces(lines)


async def _async_pieces(lines: Iterator[str]) -> AsyncIterator[str]:
    """Yield lines, many at a time; each piece is read in the request's own thread."""

    def read() -> str:
        piece: list[str] = []
        size = 0
        while size < _PIECE_CHARACTERS and (line := next(lines, "")):
            piece.append(line)
            size += len(line)
        return "".join(piece)

    while piece := await sync_to_async(read, thread_sensitive=True)():
        yield piece


class Exporting(Permissions, _Admin):
    """The buttons of the list that send a file."""

    _formats: ClassVar[dict[str, tuple[str, Callable[..., Iterator[str]]]]] = {
        "csv": ("text/csv; charset=utf-8", as_csv),
        "json": ("application/json", as_json),
    }

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export_view)
        url = path("export/<slug:kind>/", view, name="taskhub_taskresult_export")
        return [url, *super().get_urls()]

    @method_decorator(require_POST)
    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """Send all that the filter in the address lets through."""
        if kind not in self._formats:
            raise Http404
        if not (
            self.has_export_permission(request) and self.has_view_permission(request)
        ):
            raise PermissionDenied
        try:
            shown: Any = self.get_queryset(request)
            selection = with_cause_in_words(selection_of(request.GET.dict()), shown)
            rows = export(selection, shown)
            # The first ones are read now, while a page can still say what is wrong.
            rows = chain(list(islice(rows, 1)), rows)
        except (InvalidOption, SearchTimeout) as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect(address(self.admin_site, "taskresult_changelist"))
        self._log_export(request, kind, selection)
        content_type, write = self._formats[kind]
        name = f"results-{timezone.localtime():%Y-%m-%d-%H%M}.{kind}"
        return StreamingHttpResponse(
            _in_pieces(write(rows), request),
            content_type=content_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _log_export(
        self, request: HttpRequest, kind: str, selection: Selection
    ) -> None:
        words = ", ".join(f"{name}: {value}" for name, value in words_of(selection))
        user: Any = request.user
        LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(TaskResult),
            # Of no single result.
            object_id=None,
            object_repr=str(self.opts.verbose_name_plural),
            action_flag=CHANGE,
            change_message=_("Exported as %(kind)s (%(words)s).")
            % {"kind": kind.upper(), "words": words or _("all")},
        )
