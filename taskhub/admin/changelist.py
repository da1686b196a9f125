"""Lists whose searches are bounded: in words, and in what they cost the database."""

from contextlib import nullcontext
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from taskhub.admin.keys import may_be_key
from taskhub.admin.lookups import Guarded
from taskhub.exceptions import InvalidOption, SearchTimeout
from taskhub.operations.results.search import read_words
from taskhub.operations.results.time_limit import search_time_limit


class BoundedChangeList(ChangeList):
    """A page of a list. A search that takes too long says so, and finds nothing."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the rows of the page within the time limit of searches."""
        limit = search_time_limit(self.queryset.db) if self.query else nullcontext()
        try:
            with limit:
                self._fetch(request)
        except SearchTimeout as error:
            self.model_admin.message_user(request, str(error), messages.ERROR)
            self.queryset = self.queryset.none()
            self._fetch(request)

    def _fetch(self, request: HttpRequest) -> None:
        super().get_results(request)
        # Now, and not when the page is rendered.
        self.result_list: Any = list(self.result_list)

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return what a column is ordered by; nothing if the list is not sorted by it.

        Django hides the links of such columns, and still takes their numbers.
        """
        if self.sortable_by is not None and field_name not in self.sortable_by:
            return None
        return super().get_ordering_field(field_name)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Order by each column once, however often the address names it."""
        return list(dict.fromkeys(super().get_ordering(request, queryset)))


class Listed(Guarded):
    """
    A list that an address asks for no more than it is made for.

    A search of too many words is refused on the page where it was asked for.
    """

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return a row; None if there is none, or the key can be none's."""
        key: Any = self.opts.pk
        if not may_be_key(key, object_id):
            return None
        return super().get_object(request, object_id, from_field)

    def response_action(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        *places: Any,
        **options: Any,
    ) -> Any:
        """Do what was chosen, unless what is ticked cannot be rows at all."""
        key: Any = self.opts.pk
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if all(may_be_key(key, each) for each in chosen):
            return super().response_action(request, queryset, *places, **options)
        self.message_user(request, _("There are no such rows."), messages.ERROR)
        return redirect(request.get_full_path())

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return BoundedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        try:
            return self.search(request, queryset, search_term)
        except InvalidOption as error:
            self.message_user(request, str(error), messages.ERROR)
            return queryset.none(), False

    def search(
        self, request: HttpRequest, queryset: Any, text: str
    ) -> tuple[Any, bool]:
        """Narrow rows to those that match; see ModelAdmin.get_search_results()."""
        words = [f'"{phrase}"' if phrase else word for phrase, word in read_words(text)]
        return super().get_search_results(request, queryset, " ".join(words))
