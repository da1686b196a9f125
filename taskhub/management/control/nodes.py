"""What can be asked of nodes from the command line."""

from collections.abc import Callable

from django.core.management.base import CommandError

from taskhub import operations
from taskhub.management.control.control import Control, Options, Told
from taskhub.operations.nodes import find_node


def _to_each(
    do: Callable[[str], None], becomes: str
) -> Callable[[list[str], Options], Told]:
    def to_each(names: list[str], options: Options) -> Told:
        # A slip in one of the names is noticed before anything is done to others.
        rows = [find_node(name) for name in names]
        for name in names:
            do(name)
        return Told(f"{', '.join(names)} {becomes}.", rows=rows)

    return to_each


def _resize(names: list[str], options: Options) -> Told:
    name, text = names
    row = find_node(name)
    if not text.isdecimal() or len(text) > 8:
        raise CommandError(f"Expected a number of processes, not {text!r}.")
    operations.nodes.resize(name, int(text))
    said = f"{name} will have {int(text)} processes."
    return Told(said, {"processes": int(text)}, [row])


CONTROLS = {
    "quiet": Control(
        "NODE…",
        "Have nodes take nothing new.",
        _to_each(operations.nodes.quiet, "will take nothing new"),
        ("reason",),
    ),
    "awake": Control(
        "NODE…",
        "Have them do so again.",
        _to_each(operations.nodes.awake, "will work again"),
        ("reason",),
    ),
    "resize": Control(
        "NODE PROCESSES", "Have so many worker processes.", _resize, ("reason",)
    ),
    "stop": Control(
        "NODE…",
        "Have nodes end as if told by TERM.",
        _to_each(operations.nodes.stop, "will end"),
        ("reason",),
    ),
}
