"""The nearest right name, for error messages."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """
    End an error message about `name` with the nearest of the known names.

    Return "; did you mean 'x'?", or a list of what there is when nothing is near and
    the list is short, or a full stop.
    """
    known = sorted(known)
    if near := get_close_matches(name, known, n=1):
        return f"; did you mean {near[0]!r}?"
    # Dotted names are often right but for the module.
    end = name.rpartition(".")[2]
    same_end = [each for each in known if each.rpartition(".")[2] == end]
    if len(same_end) == 1:
        return f"; did you mean {same_end[0]!r}?"
    if known and len(known) <= 8:
        return f"; expected one of: {', '.join(known)}."
    return "."
