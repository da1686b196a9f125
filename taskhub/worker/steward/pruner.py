"""The pruner: deletes what is not kept any longer, a little at a time."""

import logging
from itertools import islice

from taskhub.models.base import results_database
from taskhub.models.nodes import take_turn
from taskhub.operations.pruning import Retention, describe_kept, prune
from taskhub.worker.node_options import NodeOptions

logger = logging.getLogger(__name__)

#: How often it looks, and how much it deletes at a time: up to 1,000 rows each.
PRUNE_SECONDS = 60.0
_MAX_BATCHES = 50


class Pruner:
    """Looks once a minute, if it is this node's turn."""

    def __init__(self, node: NodeOptions) -> None:
        self._node = node
        self._retention = Retention.of(node.config)
        self._said = ""

    def look(self) -> None:
        """Delete some of what is not kept any longer; the rest the next time."""
        if not take_turn(
            f"prune {self._node.config.alias}",
            self._node.name,
            seconds=2 * PRUNE_SECONDS,
            using=results_database(),
        ):
            return
        if deleted := sum(islice(prune(self._retention), _MAX_BATCHES)):
            logger.info("Pruned %d rows.", deleted)
        kept = describe_kept(self._retention)
        if kept and kept != self._said:
            logger.warning("%s", kept)
        self._said = kept
