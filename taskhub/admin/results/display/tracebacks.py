"""Tracebacks in which frames of the project's own code are highlighted."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

import taskhub
from taskhub.writer.errors import is_foreign

_FRAME = re.compile(r'\s+File "(?P<path>[^"]*)", line \d+')
#: Paths of the standard library and of packages. is_foreign() knows the folders of this
#: process, but the worker's Python may be in another folder.
_LIBRARY = re.compile(r"[/\\]lib[/\\]python3|dist-packages", re.IGNORECASE)
_TASKHUB = str(Path(taskhub.__file__).parent)


def failures(errors: Iterable[dict[str, Any]]) -> SafeString:
    """Return the errors of all attempts as HTML; only the last one is expanded."""
    errors = list(errors)
    return format_html_join(
        "",
        '<details class="taskhub-failure" id="taskhub-failure-{}"{}><summary>{} '
        "<strong>{}</strong>: {}</summary>{}</details>",
        (
            (
                number,
                SafeString(" open") if entry is errors[-1] else "",
                _("Attempt %s:") % entry.get("attempt", "?"),
                entry.get("exception_class_path", ""),
                entry.get("message", ""),
                traceback(str(entry.get("traceback", ""))),
            )
            for number, entry in enumerate(errors)
        ),
    )


def traceback(text: str) -> SafeString:
    """Return a traceback as HTML, with the project's own frames highlighted."""
    if not text:
        return SafeString("")
    pieces = (
        format_html('<mark class="taskhub-own">{}</mark>', "".join(lines))
        if is_own
        else format_html("{}", "".join(lines))
        for is_own, lines in _pieces(text)
    )
    return format_html(
        '<pre class="taskhub-code" tabindex="0">{}</pre>', SafeString("".join(pieces))
    )


def _pieces(text: str) -> Iterator[tuple[bool, list[str]]]:
    """Yield consecutive lines that are all own code, or all foreign."""
    marked = zip(_is_own(text), text.splitlines(keepends=True), strict=True)
    for is_own, group in groupby(marked, key=lambda each: each[0]):
        yield is_own, [line for _is_own_line, line in group]


def _is_own(text: str) -> Iterator[bool]:
    """Yield for each line whether its frame is in the project's own code."""
    is_own = False
    for line in text.splitlines():
        if frame := _FRAME.match(line):
            is_own = not _is_foreign_frame(frame["path"])
        elif not line.startswith("    "):
            # The first and the last line, and lines between two tracebacks.
            is_own = False
        yield is_own


def _is_foreign_frame(path: str) -> bool:
    return (
        is_foreign(path)
        or path.startswith(_TASKHUB)
        or _LIBRARY.search(path) is not None
    )
