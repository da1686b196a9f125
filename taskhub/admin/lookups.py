"""
What a list may be asked by its address: its own filters, and nothing else.

Django's admin takes any look-up on a model's own fields. `?kwargs__card__startswith=4`
would tell whoever may view results what is masked on every page, one character at a
time.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.filters import SimpleListFilter
from django.contrib.admin.widgets import url_params_from_lookup_dict
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object

#: Fields that hold what is masked. No list is filtered by these, whoever lists them.
HIDDEN_FIELDS = frozenset({"args", "kwargs", "body"})
#: What Django's own filters and date hierarchies add to the path of a field.
_ENDINGS = frozenset(
    {"exact", "in", "isnull", "gte", "lt", "id", "pk", "year", "month", "day"}
)


class Guarded(_Admin):
    """Takes the look-ups of its own list filters; a site's subclass may add filters."""

    def lookup_allowed(
        self, lookup: str, value: Any, request: HttpRequest | None = None
    ) -> bool:
        """Whether an address may filter the list by a look-up; others are refused."""
        if HIDDEN_FIELDS & {*lookup.split(LOOKUP_SEP)}:
            return False
        return (
            lookup in self._parameters(request)
            or any(_is_of(lookup, path) for path in self._paths(request))
            or self._is_of_a_popup(lookup, value)
        )

    def _parameters(self, request: HttpRequest | None) -> Iterator[str]:
        for each in self._filters(request):
            if isinstance(each, type) and issubclass(each, SimpleListFilter):
                yield str(each.parameter_name)

    def _paths(self, request: HttpRequest | None) -> Iterator[str]:
        """Yield the fields that a site's subclass filters by."""
        if self.date_hierarchy:
            yield self.date_hierarchy
        for each in self._filters(request):
            path: Any = each[0] if isinstance(each, tuple | list) else each
            if isinstance(path, str):
                yield path

    def _filters(self, request: HttpRequest | None) -> Any:
        return self.list_filter if request is None else self.get_list_filter(request)

    def _is_of_a_popup(self, lookup: str, value: Any) -> bool:
        """Whether a foreign key's `limit_choices_to` narrows the list by a look-up."""
        related: Any = self.opts.related_fkey_lookups
        return any(
            (lookup, value)
            in url_params_from_lookup_dict(each() if callable(each) else each).items()
            for each in related
        )


def _is_of(lookup: str, path: str) -> bool:
    if lookup == path:
        return True
    rest = lookup.removeprefix(path + LOOKUP_SEP)
    return rest != lookup and {*rest.split(LOOKUP_SEP)} <= _ENDINGS
