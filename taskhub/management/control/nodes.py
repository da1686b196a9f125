"""`taskcontrol node`: quiet, resume, resize and stop nodes."""

from collections.abc import Callable
from functools import partial

from django.core.management.base import CommandError

from taskhub import operations
from taskhub.management.control.verbs import Nouns, Options, Report

_NAMES = (("names", "NODE…"),)


def add_verbs(nouns: Nouns) -> None:
    """Add the noun `node` and its verbs."""
    node = nouns.add_noun("node", "Quiet, resume, resize and stop nodes.")
    for verb, becomes, help in (
        ("quiet", "will take no new messages", "Take no new messages."),
        ("resume", "will take messages again", "Take messages again."),
        ("stop", "will stop", "Stop, as after the signal TERM."),
    ):
        run = partial(_change_each, getattr(operations.nodes, verb), becomes)
        node.add_verb(verb, run, _NAMES, help, reason="history")
    node.add_verb(
        "resize",
        _resize,
        (("name", "NODE"), ("processes", "PROCESSES")),
        "Set the number of worker processes, 1 to 256.",
        reason="history",
    )


def _change_each(
    change: Callable[[str], None], becomes: str, options: Options
) -> Report:
    names = options["names"]
    # Check all names before the first change.
    rows = [operations.nodes.find_node(name) for name in names]
    for name in names:
        change(name)
    return Report(f"{', '.join(names)} {becomes}.", rows=rows)


def _resize(options: Options) -> Report:
    name, text = options["name"], options["processes"]
    row = operations.nodes.find_node(name)
    if not text.isdecimal() or len(text) > 8:
        raise CommandError(f"Expected a number of processes, not {text!r}.")
    operations.nodes.resize(name, int(text))
    message = f"{name} will have {int(text)} processes."
    return Report(message, {"processes": int(text)}, [row])
