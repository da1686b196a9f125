"""Paging through a table of millions without counting it."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator

from taskhub.admin.bounded import in_words

#: As far as anybody pages; who looks further back filters.
MOST_COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts, and pages, no further than the first 10,000 rows."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, or one more than are counted."""
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: MOST_COUNTED + 1].count())

    @cached_property
    def num_pages(self) -> int:
        """How many pages can be turned to."""
        counted = min(self.count, MOST_COUNTED)
        return max(1, -(-counted // self.per_page))

    @property
    def count_in_words(self) -> str:
        """The count, or that there are more."""
        return in_words(self.count, MOST_COUNTED)
