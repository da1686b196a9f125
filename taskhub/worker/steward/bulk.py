"""Bulk actions, done by the steward a second at a time."""

from collections.abc import Callable

from taskhub.models.base import results_database
from taskhub.models.nodes import take_turn
from taskhub.operations.results.bulk import do_some
from taskhub.worker.node_options import NodeOptions

#: How often it works; while there is much to do, other chores come in between.
BULK_SECONDS = 2.0
_AT_A_TIME_SECONDS = 1.0
_TURN_SECONDS = 10.0


class Bulk:
    """Works every two seconds, if `are_there` says so and it is this node's turn."""

    def __init__(self, node: NodeOptions, are_there: Callable[[], bool]) -> None:
        self._node = node
        self._are_there = are_there

    def look(self) -> None:
        """Do some of what is asked for. Raise BrokerError if a broker is away."""
        if self._are_there() and take_turn(
            "bulk actions",
            self._node.name,
            seconds=_TURN_SECONDS,
            using=results_database(),
        ):
            do_some(_AT_A_TIME_SECONDS)
