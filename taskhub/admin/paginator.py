"""Pages of a table with millions of rows, without counting all of them."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.utils.formats import number_format
from django.utils.translation import gettext as _

#: Rows beyond this number are neither counted nor paged through.
MAX_ROWS = 10_000


def format_count(count: int, limit: int) -> str:
    """Return a count, or "more than <limit>" if it is higher."""
    if count > limit:
        return _("more than %s") % number_format(limit, force_grouping=True)
    return number_format(count, force_grouping=True)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Count and page no further than MAX_ROWS."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most MAX_ROWS + 1."""
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: MAX_ROWS + 1].count())

    @cached_property
    def num_pages(self) -> int:
        """Return the number of pages."""
        return max(1, -(-min(self.count, MAX_ROWS) // self.per_page))

    @property
    def count_in_words(self) -> str:
        """Return the count as the page shows it."""
        return format_count(self.count, MAX_ROWS)
