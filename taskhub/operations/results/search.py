"""
Search by id, task, argument and error, at a cost that is known beforehand.

What people are not to see cannot be searched for either: whether something is found
would tell it.
"""

import json
import re
from collections.abc import Iterable
from itertools import product
from typing import Any
from uuid import UUID

from django.db.models import Q, TextField
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast

from taskhub.exceptions import InvalidArguments, InvalidOption
from taskhub.foundation.values import is_storable_text
from taskhub.models import TaskResultQuerySet
from taskhub.tasks import registered_tasks
from taskhub.tasks.arguments import check_value
from taskhub.tasks.masking import hides

#: Arguments and errors have no index: they are searched in the newest rows, by name in
#: so many, and by a piece of their text in so many.
SEARCHED_ROWS = 50_000
SEARCHED_TEXTS = 4_000
#: Each word costs the database time, to plan with as well as to compare.
MAX_WORDS = 20
MAX_CHARACTERS = 1_000
_KEYWORD = re.compile(r"[^\W\d]\w*=")
_WORDS = re.compile(r'"([^"]+)"|(\S+)')


def search(results: TaskResultQuerySet, text: str) -> TaskResultQuerySet:
    """
    Narrow results to those that match every word of `text`.

    A word is an id, a part of a registered task's path or the whole path of another
    one, `name=value` for a keyword argument, or a piece of the text of the arguments
    or the errors; what is in double quotes is always that.

    Arguments are searched of registered tasks, where it is known what is masked: a
    masked one by no name, and where there is one, none by their text.

    The tasks that all words allow become one condition, whatever the number of words:
    PostgreSQL's planner multiplies lists of one column with each other.

    Raise InvalidOption for more than MAX_WORDS words or MAX_CHARACTERS characters.
    """
    allowed: set[str] | None = None
    unserved: list[tuple[str, str]] = []
    for phrase, word in read_words(text):
        paths = {path for path in registered_tasks() if word.lower() in path.lower()}
        if phrase or (not paths and not _as_uuid(word)):
            unserved.append((phrase, word))
        elif pk := _as_uuid(word):
            results = results.filter(pk=pk)
        else:
            allowed = paths if allowed is None else allowed & paths
    for _phrase, word in unserved:
        if name := _keyword(word):
            shown = _tasks_that_show(name)
            allowed = shown if allowed is None else allowed & shown
    if allowed is not None:
        results = results.filter(task_path__in=sorted(allowed))
    return _search_unserved(results, unserved) if unserved else results


def read_words(text: str) -> list[tuple[str, str]]:
    """
    Return the words of a search, each once: a phrase in quotes, or a single word.

    Raise InvalidOption for what no database is asked.
    """
    if not is_storable_text(text):
        raise InvalidOption("A search has no NUL and no half of a character in it.")
    words = list(dict.fromkeys(_WORDS.findall(text)))
    if len(words) > MAX_WORDS:
        raise InvalidOption(
            f"A search has at most {MAX_WORDS} words, not {len(words)}; search for "
            "fewer at a time."
        )
    if len(text) > MAX_CHARACTERS:
        raise InvalidOption(
            f"A search has at most {MAX_CHARACTERS:,} characters, not {len(text):,}; "
            "search for less."
        )
    return words


def _search_unserved(
    results: TaskResultQuerySet, words: list[tuple[str, str]]
) -> TaskResultQuerySet:
    """Narrow results by phrases and words that no index serves."""
    is_text = any(phrase or not _keyword(word) for phrase, word in words)
    results = newest(results, SEARCHED_TEXTS if is_text else SEARCHED_ROWS)
    for phrase, word in words:
        if name := _keyword(word):
            results = _with_keyword(results, name, word.partition("=")[2])
        else:
            results = _with_text(results, phrase or word)
    return results


def _keyword(word: str) -> str:
    """Return the name in `name=value`; nothing if a word is none such."""
    return word.partition("=")[0] if _KEYWORD.match(word) else ""


def _tasks_that_show(name: str) -> set[str]:
    """Return the registered tasks that do not mask an argument of that name."""
    return {path for path, task in registered_tasks().items() if not hides(task, name)}


def newest(results: TaskResultQuerySet, most: int) -> TaskResultQuerySet:
    """Bound what no index serves to the newest results; with one query."""
    ids = results.order_by("-id").values_list("id", flat=True)
    oldest = ids[most : most + 1].first()
    return results.filter(id__gt=oldest) if oldest else results


def _with_keyword(
    results: TaskResultQuerySet, name: str, value: str
) -> TaskResultQuerySet:
    # An explicit transform: by its name, "contains" would be a lookup.
    argument = results.alias(argument=KeyTransform(name, "kwargs"))
    return argument.filter(Q(argument=_as_json(value)) | Q(argument=value))


def _with_text(results: TaskResultQuerySet, word: str) -> TaskResultQuerySet:
    # SQLite and MariaDB keep JSON as it was written: with letters like ä escaped.
    escaped = json.dumps(word)[1:-1]
    words = {word, escaped}
    arguments = _any_contains(("args_text", "kwargs_text"), words) & Q(
        task_path__in=[
            path for path, task in registered_tasks().items() if not task.masked
        ]
    )
    return results.alias(
        args_text=Cast("args", TextField()),
        kwargs_text=Cast("kwargs", TextField()),
        errors_text=Cast("errors", TextField()),
    ).filter(Q(task_path=word) | arguments | _any_contains(("errors_text",), words))


def _any_contains(texts: Iterable[str], words: Iterable[str]) -> Q:
    matches = Q()
    for text, word in product(texts, words):
        matches |= Q(**{f"{text}__icontains": word})
    return matches


def _as_json(text: str) -> Any:
    try:
        return check_value(json.loads(text), "value")
    except (ValueError, RecursionError, InvalidArguments):
        # No JSON, or what no argument can be: NaN, a NUL, thousands of levels.
        return text


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
