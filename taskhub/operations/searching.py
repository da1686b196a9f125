"""Search by id, task and argument, at a cost that is known beforehand."""

import json
from typing import Any
from uuid import UUID

from django.db.models import Q, TextField
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast

from taskhub.models import TaskResultQuerySet
from taskhub.tasks import registered_tasks

#: Arguments have no index: they are searched in the newest rows of the selection.
SEARCHED_ROWS = 50_000


def search(results: TaskResultQuerySet, text: str) -> TaskResultQuerySet:
    """
    Narrow results to those that match every word of `text`.

    A word is an id, a part of a registered task's path or the whole path of another
    one, `name=value` for a keyword argument, or a piece of the arguments' text.
    """
    unserved = []
    for word in text.split():
        paths = [path for path in registered_tasks() if word.lower() in path.lower()]
        if pk := _as_uuid(word):
            results = results.filter(pk=pk)
        elif paths:
            results = results.filter(task_path__in=paths)
        else:
            unserved.append(word)
    if unserved:
        results = _newest(results)
    for word in unserved:
        name, found, value = word.partition("=")
        if found and name.isidentifier():
            results = _with_keyword(results, name, value)
        else:
            results = _with_text(results, word)
    return results


def _newest(results: TaskResultQuerySet) -> TaskResultQuerySet:
    """Bound a search that no index serves."""
    ids = results.order_by("-id").values_list("id", flat=True)
    oldest = ids[SEARCHED_ROWS : SEARCHED_ROWS + 1].first()
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
    matches = Q(task_path=word)
    for text in ("args_text", "kwargs_text"):
        matches |= Q(**{f"{text}__icontains": word})
        if escaped != word:
            matches |= Q(**{f"{text}__icontains": escaped})
    return results.alias(
        args_text=Cast("args", TextField()), kwargs_text=Cast("kwargs", TextField())
    ).filter(matches)


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
