"""The counter: keeps the numbers few, and notes how full the queues are."""

from taskhub.models.base import results_database
from taskhub.models.nodes import take_turn
from taskhub.operations.metrics.rollup import roll_up, sample_depths
from taskhub.worker.node_options import NodeOptions

#: How often it looks.
COUNT_SECONDS = 10.0


class Counter:
    """Looks every ten seconds, if it is this node's turn."""

    def __init__(self, node: NodeOptions) -> None:
        self._node = node

    def look(self) -> None:
        """Roll up what was counted, and sample the queues of this node's backend."""
        if not take_turn(
            f"count {self._node.config.alias}",
            self._node.name,
            seconds=3 * COUNT_SECONDS,
            using=results_database(),
        ):
            return
        roll_up()
        sample_depths(self._node.config)
