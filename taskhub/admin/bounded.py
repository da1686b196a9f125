"""Counts that end somewhere, since nobody waits for a table of millions."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _


def in_words(count: int, most: int) -> str:
    """Return a count, or that it is more than is counted."""
    if count > most:
        return _("more than %s") % number_format(most, force_grouping=True)
    return number_format(count, force_grouping=True)
