"""Whether other sites work on the queues of this one, looked at now and then."""

import logging

from taskhub.brokers import get_broker
from taskhub.models.base import results_database
from taskhub.models.identity import identity_of
from taskhub.worker.node_options import NodeOptions

logger = logging.getLogger(__name__)

OWNER_SECONDS = 10.0


class Owner:
    """Tells the broker whose queues these are, again if it has forgotten."""

    def __init__(self, node: NodeOptions) -> None:
        self._node = node
        self._identity = ""
        self._others: list[str] = []

    def look(self) -> None:
        """
        Say once if another site has taken queues over.

        Raise BrokerError or a database's error if either is away.
        """
        self._identity = self._identity or identity_of(results_database())
        if not self._identity:
            return
        broker = get_broker(self._node.config)
        others = broker.owned_by_others(self._node.queues, self._identity, take=True)
        if others and others != self._others:
            logger.error(
                "Workers of another database use the same queues: %s. Tasks of each "
                "may be run by the other; give one of the sites another key_prefix.",
                ", ".join(others),
            )
        self._others = others
