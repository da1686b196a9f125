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

from taskhub.models import TaskResultQuerySet
from taskhub.tasks import registered_tasks
from taskhub.tasks.masking import hides

#: Arguments and errors have no index: they are searched in the newest rows, by name in
#: so many, and by a piece of their text in so many.
SEARCHED_ROWS = 50_000
SEARCHED_TEXTS = 4_000
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
    """
    unserved: list[tuple[str, str]] = []
    for phrase, word in _WORDS.findall(text):
        paths = [path for path in registered_tasks() if word.lower() in path.lower()]
        if phrase or (not paths and not _as_uuid(word)):
            unserved.append((phrase, word))
        elif pk := _as_uuid(word):
            results = results.filter(pk=pk)
        else:
            results = results.filter(task_path__in=paths)
    return _search_unserved(results, unserved) if unserved else results


def _search_unserved(
    results: TaskResultQuerySet, words: list[tuple[str, str]]
) -> TaskResultQuerySet:
    """Narrow results by phrases and words that no index serves."""
    is_text = any(phrase or not _KEYWORD.match(word) for phrase, word in words)
    results = newest(results, SEARCHED_TEXTS if is_text else SEARCHED_ROWS)
    for phrase, word in words:
        if _KEYWORD.match(word):
            name, _equals, value = word.partition("=")
            results = _with_keyword(results, name, value)
        else:
            results = _with_text(results, phrase or word)
    return results


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
    return argument.filter(
        Q(argument=_as_json(value)) | Q(argument=value),
        task_path__in=[
            path for path, task in registered_tasks().items() if not hides(task, name)
        ],
    )


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
        return json.loads(text)
    except ValueError:
        return text


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
