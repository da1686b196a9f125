"""The chores of a steward: what is done, how often, and by which nodes."""

import logging
from functools import partial
from itertools import islice

from taskhub.brokers import get_broker
from taskhub.conf import Config
from taskhub.models.base import results_database
from taskhub.models.identity import identity_of
from taskhub.models.nodes import PRESENCE_SECONDS
from taskhub.operations.metrics.rollup import roll_up, sample_depths
from taskhub.operations.pruning import Retention, describe_kept, prune
from taskhub.operations.queues import synchronise_states
from taskhub.operations.results.bulk import run_bulk_actions
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.steward.deaths import Deaths
from taskhub.worker.steward.housekeeper import Chore, Turn
from taskhub.worker.steward.node_requests import NodeRequests
from taskhub.worker.steward.presence import Presence
from taskhub.worker.steward.sweeper import Sweeper

logger = logging.getLogger(__name__)

#: How long bulk actions run before other chores get their time.
_BULK_SECONDS = 1.0
_METRICS_INTERVAL_SECONDS = 10.0
_PRUNE_INTERVAL_SECONDS = 60.0
#: How many batches, of up to 1,000 rows each, are deleted at a time.
_MAX_BATCHES_PER_PRUNE = 50


def chores_of(
    node: NodeOptions, presence: Presence, requests: NodeRequests, deaths: Deaths
) -> list[Chore]:
    """Return what the steward of a node does while the node runs."""
    return [
        Chore("report this node", PRESENCE_SECONDS, presence.report),
        Chore("delete silent nodes", 600.0, presence.delete_silent),
        Chore("record the deaths of processes", 1.0, deaths.record),
        Chore("read what is requested of this node", 1.5, requests.read),
        Chore("keep queues paused", 5.0, partial(synchronise_states, node.config)),
        Chore(
            "run bulk actions",
            2.0,
            partial(run_bulk_actions, _BULK_SECONDS),
            turn=Turn("bulk actions", node.name, 10.0),
            is_needed=lambda: requests.has_bulk_actions,
        ),
        Chore("sweep", 3.0, Sweeper(node).look),
        prune_chore(node),
        _owner_chore(node),
        Chore(
            "roll up metrics",
            _METRICS_INTERVAL_SECONDS,
            partial(_write_metrics, node.config),
            turn=Turn(
                f"count {node.config.alias}", node.name, 3 * _METRICS_INTERVAL_SECONDS
            ),
        ),
    ]


def last_chores_of(presence: Presence, deaths: Deaths) -> list[Chore]:
    """Return what a steward does once, before it ends."""
    return [
        # Some processes may have been killed when the node was stopped.
        Chore("record the deaths of processes", 0, deaths.record),
        Chore("delete the row of this node", 0, presence.delete_own),
    ]


def prune_chore(node: NodeOptions) -> Chore:
    """Return the chore that deletes rows past their retention, some at a time."""
    retention = Retention.of(node.config)
    warned = ""

    def work() -> None:
        nonlocal warned
        if deleted := sum(islice(prune(retention), _MAX_BATCHES_PER_PRUNE)):
            logger.info("Pruned %d rows.", deleted)
        kept = describe_kept(retention)
        if kept and kept != warned:
            logger.warning("%s", kept)
        warned = kept

    turn = Turn(f"prune {node.config.alias}", node.name, 2 * _PRUNE_INTERVAL_SECONDS)
    return Chore("prune", _PRUNE_INTERVAL_SECONDS, work, turn=turn)


def _owner_chore(node: NodeOptions) -> Chore:
    """Return the chore that marks the node's queues as this site's."""
    identity = ""
    reported: list[str] = []

    def work() -> None:
        nonlocal identity, reported
        identity = identity or identity_of(results_database())
        if not identity:
            return
        broker = get_broker(node.config)
        # Mark the queues each time, in case the broker has lost the mark.
        others = broker.owned_by_others(node.queues, identity, take=True)
        if others and others != reported:
            logger.error(
                "Workers of another database use the same queues: %s. Tasks of each "
                "may be run by the other; give one of the sites another key_prefix.",
                ", ".join(others),
            )
        reported = others

    return Chore("check the owner of the queues", 10.0, work)


def _write_metrics(config: Config) -> None:
    roll_up()
    sample_depths(config)
