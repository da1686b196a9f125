"""
Checks of look-ups and primary keys in addresses and forms, which any user can edit.

Django's admin takes any look-up on a model's own fields: `?kwargs__card__startswith=4`
would disclose a masked argument, character by character, to users who may view results.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.filters import SimpleListFilter
from django.contrib.admin.widgets import url_params_from_lookup_dict
from django.core.exceptions import ValidationError
from django.db.models import Field, IntegerField
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest

from taskhub.foundation.values import is_storable_text

#: These fields hold masked values. No list can be filtered by them.
HIDDEN_FIELDS = frozenset({"args", "kwargs", "body"})
#: What Django's filters and date hierarchies append to the path of a field.
_ENDINGS = frozenset(
    {"exact", "in", "isnull", "gte", "lt", "id", "pk", "year", "month", "day"}
)
#: The largest key in a database is 2**63 - 1, which has 19 digits.
_MAX_DIGITS = 18


def is_lookup_allowed(
    model_admin: "ModelAdmin[Any]",
    lookup: str,
    value: Any,
    request: HttpRequest | None,
) -> bool:
    """
    Return whether the address of a list may filter it by a look-up.

    Allow only look-ups of the list's filters, date hierarchy and foreign keys' popups.
    """
    if HIDDEN_FIELDS & {*lookup.split(LOOKUP_SEP)}:
        return False
    filters = (
        model_admin.list_filter
        if request is None
        else model_admin.get_list_filter(request)
    )
    paths = [*_paths(filters), *filter(None, [model_admin.date_hierarchy])]
    return (
        lookup in _parameters(filters)
        or any(_starts_at(lookup, path) for path in paths)
        or _is_of_popup(model_admin, lookup, value)
    )


def _parameters(filters: Iterable[Any]) -> Iterator[str]:
    for each in filters:
        if isinstance(each, type) and issubclass(each, SimpleListFilter):
            yield str(each.parameter_name)


def _paths(filters: Iterable[Any]) -> Iterator[str]:
    """Yield the paths of fields, by which a project's subclass may filter."""
    for each in filters:
        path = each[0] if isinstance(each, tuple | list) else each
        if isinstance(path, str):
            yield path


def _starts_at(lookup: str, path: str) -> bool:
    if lookup == path:
        return True
    rest = lookup.removeprefix(path + LOOKUP_SEP)
    return rest != lookup and {*rest.split(LOOKUP_SEP)} <= _ENDINGS


def _is_of_popup(model_admin: "ModelAdmin[Any]", lookup: str, value: Any) -> bool:
    """Return whether the `limit_choices_to` of a foreign key has the look-up."""
    related: Any = model_admin.opts.related_fkey_lookups
    return any(
        (lookup, value)
        in url_params_from_lookup_dict(each() if callable(each) else each).items()
        for each in related
    )


def read_key(text: str) -> int | None:
    """Return an integer primary key, or None if the text is not one."""
    is_key = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    return int(text) if is_key else None


def may_be_key(field: "Field[Any, Any]", text: str) -> bool:
    """Return whether a database query may compare a primary key with a text."""
    if isinstance(field, IntegerField):
        return read_key(text) is not None
    try:
        field.to_python(text)
    except ValidationError:
        return False
    return is_storable_text(text)
