"""Suggestions of similar names for error messages."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """
    Return the end of an error message about `name`, with the most similar known name.

    It is "; did you mean 'x'?", a list of known names if it is short, or a full stop.
    """
    known = sorted(known)
    if near := get_close_matches(name, known, n=1):
        return f"; did you mean {near[0]!r}?"
    # Often only the module of a dotted name is wrong.
    end = name.rpartition(".")[2]
    same_end = [each for each in known if each.rpartition(".")[2] == end]
    if len(same_end) == 1:
        return f"; did you mean {same_end[0]!r}?"
    if known and len(known) <= 8:
        return f"; expected one of: {', '.join(known)}."
    return "."
