"""
What operators do to nodes: quiet, resume, resize and stop them.

Each function writes to a node's row, and raises UnknownNode if there is none. The
steward reads the row every second. The change holds until the node ends.
"""

from typing import Any

from taskhub.exceptions import InvalidOption, UnknownNode
from taskhub.foundation.nearest import did_you_mean
from taskhub.models import Node

MAX_PROCESSES = 256


def quiet(name: str) -> None:
    """Let a node take no new messages; its running tasks continue."""
    _change(name, is_quiet=True)


def resume(name: str) -> None:
    """Let a quiet node take messages again."""
    _change(name, is_quiet=False)


def resize(name: str, processes: int) -> None:
    """
    Set the number of worker processes. Raise InvalidOption if it is not from 1 to 256.

    A surplus process finishes its running tasks, within the node's grace period.
    """
    if not 1 <= processes <= MAX_PROCESSES:
        raise InvalidOption(
            f"A node has 1 to {MAX_PROCESSES} processes, not {processes}; to stop it "
            "from taking messages, quiet it."
        )
    _change(name, wanted_processes=processes)


def stop(name: str) -> None:
    """
    Stop a node as the signal TERM does: its running tasks have the grace period.

    A service manager may start another node in its place.
    """
    _change(name, is_to_stop=True)


def find_node(name: str) -> Node:
    """Return the row of a node. Raise UnknownNode if there is none."""
    nodes = Node.writing.all()
    node = nodes.filter(name=name).first()
    if node is None:
        known = list(nodes.values_list("name", flat=True))
        raise UnknownNode(f"There is no node {name!r}{did_you_mean(name, known)}")
    return node


def _change(name: str, **changes: Any) -> None:
    nodes = Node.writing.all()
    if not nodes.filter(name=name).update(**changes):
        # find_node() raises, unless the node has started in between.
        nodes.filter(pk=find_node(name).pk).update(**changes)
