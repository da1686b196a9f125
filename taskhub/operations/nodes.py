"""
What operators ask of nodes: to be quiet, to stop, to have more or fewer processes.

It is written into the node's row, where its steward looks every second. It is meant for
this life of the node: one that is started anew does what its command line says.
"""

from typing import Any

from taskhub.exceptions import InvalidOption, UnknownNode
from taskhub.foundation.nearest import did_you_mean
from taskhub.models import Node

#: More are taken for a slip of the finger.
MOST_PROCESSES = 256


def quiet(name: str) -> None:
    """Have a node take nothing new, and go on with what it runs."""
    _ask(name, is_quiet=True)


def awake(name: str) -> None:
    """Have a quiet node work again."""
    _ask(name, is_quiet=False)


def resize(name: str, processes: int) -> None:
    """
    Have a node run so many worker processes.

    Those that are too many finish what they run, for as long as its grace period.

    Raise InvalidOption for fewer than 1 or more than 256.
    """
    if not 1 <= processes <= MOST_PROCESSES:
        raise InvalidOption(
            f"A node has from 1 to {MOST_PROCESSES} processes, not {processes}; to "
            "have it do nothing, make it quiet."
        )
    _ask(name, wanted_processes=processes)


def stop(name: str) -> None:
    """
    Have a node end as if told by TERM: what runs has its grace period.

    Its service manager may start another one.
    """
    _ask(name, is_to_stop=True)


def find_node(name: str) -> Node:
    """Return what a node has told of itself. Raise UnknownNode if there is none."""
    nodes = Node.writing.all()
    node = nodes.filter(name=name).first()
    if node is None:
        known = list(nodes.values_list("name", flat=True))
        raise UnknownNode(f"There is no node {name!r}{did_you_mean(name, known)}")
    return node


def _ask(name: str, **changes: Any) -> None:
    nodes = Node.writing.all()
    if not nodes.filter(name=name).update(**changes):
        # Raises; if it has come between the two, it is asked.
        nodes.filter(pk=find_node(name).pk).update(**changes)
