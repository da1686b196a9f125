"""Filters that people keep under a name, for themselves or for everybody."""

from django.db.models import Q, QuerySet

from taskhub.exceptions import InvalidOption
from taskhub.foundation.values import is_storable_text
from taskhub.models import SavedFilter
from taskhub.models.results.task_result import results_database

#: Of one owner: beyond that, nobody finds one.
MOST_OF_ONE = 50
_LONGEST_NAME = 100
#: Of what is kept: longer than any search may be, as an address writes it.
_LONGEST_QUERY = 4_000


def filters_for(user: str) -> QuerySet[SavedFilter]:
    """Return the filters that somebody can pick: their own, and those for everybody."""
    return _filters().filter(Q(owner=user) | Q(is_shared=True))


def save_filter(
    name: str, query: str, *, owner: str, is_shared: bool = False
) -> SavedFilter:
    """
    Keep a filter under a name, in the place of the owner's own of that name.

    `query` is the part of the list's address that narrows it. Raise InvalidOption for
    a name that is none, or one filter too many.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME:
        raise InvalidOption(f"A name has 1 to {_LONGEST_NAME} characters.")
    if not is_storable_text(name) or not is_storable_text(owner):
        raise InvalidOption("A name has no NUL and no half of a character in it.")
    if len(query) > _LONGEST_QUERY or not is_storable_text(query):
        raise InvalidOption(
            f"A filter has at most {_LONGEST_QUERY:,} characters in its address, and "
            "no NUL."
        )
    own = _filters().filter(owner=owner)
    if own.exclude(name=name).count() >= MOST_OF_ONE:
        raise InvalidOption(
            f"{MOST_OF_ONE} filters are kept for one user; delete some."
        )
    row, _is_new = _filters().update_or_create(
        owner=owner, name=name, defaults={"query": query, "is_shared": is_shared}
    )
    return row


def delete_filter(row: SavedFilter) -> None:
    """Delete a filter; what it has found stays."""
    row.delete()


def _filters() -> QuerySet[SavedFilter]:
    return SavedFilter.objects.using(results_database())
