"""Lists with bounded searches."""

from contextlib import nullcontext
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from taskhub.exceptions import SearchTimeout
from taskhub.operations.results.time_limit import search_time_limit


class BoundedChangeList(ChangeList):
    """A page of a list. A search past its time limit shows an error and no rows."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the rows of the page."""
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
        # Run the query here, within the time limit, not when the page is rendered.
        self.result_list: Any = list(self.result_list)

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return what a column is ordered by, or None if it is not sortable."""
        # Django hides the sort links of such columns, but accepts their numbers.
        if self.sortable_by is not None and field_name not in self.sortable_by:
            return None
        return super().get_ordering_field(field_name)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the ordering, in which no column is repeated."""
        return list(dict.fromkeys(super().get_ordering(request, queryset)))
