"""
Search by id, task, argument and error, at a bounded cost.

Masked arguments are not searched: a match would reveal their values.
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

#: Arguments and errors have no index, so only the newest rows are searched.
MAX_KEYWORD_ROWS = 50_000
MAX_TEXT_ROWS = 4_000
#: The database needs time for each word, to plan the query and to compare.
MAX_WORDS = 20
MAX_CHARACTERS = 1_000
_KEYWORD = re.compile(r"[^\W\d]\w*=")
_WORDS = re.compile(r'"([^"]+)"|(\S+)')


def search(results: TaskResultQuerySet, text: str) -> TaskResultQuerySet:
    """
    Return the results that match every word of `text`.

    A word is the id of one of them, a part of a registered task's path, the whole path
    of an unregistered task, `name=value` for a keyword argument, or a part of the text
    of arguments or errors. A phrase in double quotes is always a part of a text.

    Only arguments of registered tasks are searched, since their masks are known: by
    name if not masked, and by text if the task masks no argument.

    Raise InvalidOption for more than MAX_WORDS words or MAX_CHARACTERS characters.
    """
    # One set for all words: PostgreSQL's planner would multiply the lengths of several.
    allowed: set[str] | None = None
    unindexed: list[tuple[str, str]] = []
    for phrase, word in read_words(text):
        paths = {path for path in registered_tasks() if word.lower() in path.lower()}
        if phrase or (not paths and not _as_uuid(word)):
            unindexed.append((phrase, word))
        elif pk := _as_uuid(word):
            found = results.filter(pk=pk)
            if found.exists():
                results = found
            else:
                # An argument may be a UUID, too.
                unindexed.append(("", str(pk)))
        else:
            allowed = paths if allowed is None else allowed & paths
    for _phrase, word in unindexed:
        if name := _keyword(word):
            shown = _tasks_without_mask(name)
            allowed = shown if allowed is None else allowed & shown
    if allowed is not None:
        results = results.filter(task_path__in=sorted(allowed))
    return _search_unindexed(results, unindexed) if unindexed else results


def read_words(text: str) -> list[tuple[str, str]]:
    """
    Return the distinct words of a search, as (phrase in quotes, "") or ("", word).

    Raise InvalidOption if the text is too long, has too many words or cannot be stored.
    """
    if not is_storable_text(text):
        raise InvalidOption(
            "The search contains a NUL or a surrogate; remove this character."
        )
    words = list(dict.fromkeys(_WORDS.findall(text)))
    if len(words) > MAX_WORDS:
        raise InvalidOption(
            f"A search has at most {MAX_WORDS} words, not {len(words)}."
        )
    if len(text) > MAX_CHARACTERS:
        raise InvalidOption(
            f"A search has at most {MAX_CHARACTERS:,} characters, not {len(text):,}."
        )
    return words


def _search_unindexed(
    results: TaskResultQuerySet, words: list[tuple[str, str]]
) -> TaskResultQuerySet:
    """Search the newest results for phrases and words that have no index."""
    is_text = any(phrase or not _keyword(word) for phrase, word in words)
    results = newest(results, MAX_TEXT_ROWS if is_text else MAX_KEYWORD_ROWS)
    for phrase, word in words:
        if name := _keyword(word):
            results = _with_keyword(results, name, word.partition("=")[2])
        else:
            results = _with_text(results, phrase or word)
    return results


def _keyword(word: str) -> str:
    """Return the name in `name=value`, or "" for other words."""
    return word.partition("=")[0] if _KEYWORD.match(word) else ""


def _tasks_without_mask(name: str) -> set[str]:
    """Return the registered tasks that do not mask the argument `name`."""
    return {path for path, task in registered_tasks().items() if not hides(task, name)}


def newest(results: TaskResultQuerySet, limit: int) -> TaskResultQuerySet:
    """Return the newest results, `limit` at most. One query."""
    ids = results.order_by("-id").values_list("id", flat=True)
    boundary = ids[limit : limit + 1].first()
    return results.filter(id__gt=boundary) if boundary else results


def _with_keyword(
    results: TaskResultQuerySet, name: str, value: str
) -> TaskResultQuerySet:
    # In `kwargs__contains`, "contains" would be a lookup and not the name of a key.
    results = results.alias(argument=KeyTransform(name, "kwargs"))
    return results.filter(Q(argument=_as_json(value)) | Q(argument=value))


def _with_text(results: TaskResultQuerySet, word: str) -> TaskResultQuerySet:
    # Some databases store JSON as it was written, in which ä is escaped as \u00e4.
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
        # Not JSON, or not a valid argument, such as NaN, a NUL or thousands of levels.
        return text


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
