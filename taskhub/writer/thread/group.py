"""One group of items of all kinds, written in one transaction."""

import logging
from collections.abc import Sequence

from taskhub.foundation.values import show_foreign
from taskhub.writer.attempts import Attempt, Logged, Progress
from taskhub.writer.ended import Ended
from taskhub.writer.given_back import GivenBack
from taskhub.writer.groups import write_group
from taskhub.writer.tally import Tally
from taskhub.writer.thread.items import Item, Numbers

logger = logging.getLogger(__name__)


def write_items(items: Sequence[Item], tally: Tally | None, *, in_rows: bool) -> int:
    """
    Write items, and log what was quarantined or refused. `in_rows`: see write_group().

    Return how many outcomes were refused. Block for the database. If it raises an
    error, nothing is written.
    """
    ended = [item for item in items if isinstance(item, Ended)]
    over = {item.delivery.id for item in ended}
    reports = [item for item in items if isinstance(item, Progress)]
    latest = {report.attempt.message.id: report for report in reports}
    refused = write_group(
        outcomes=[item.outcome for item in ended if item.outcome],
        quarantined=[item.quarantined for item in ended if item.quarantined],
        running=[
            item
            for item in items
            if isinstance(item, Attempt) and str(item.message.id) not in over
        ],
        given_back=[
            *(item for item in items if isinstance(item, GivenBack)),
            *(item.given_back for item in ended if item.given_back),
        ],
        progress=latest.values(),
        logs=[
            *(item for item in items if isinstance(item, Logged)),
            *(item.logged for item in ended if item.logged and item.is_kept),
        ],
        metrics=[
            row for item in items if isinstance(item, Numbers) for row in item.rows
        ],
        tally=tally,
        in_rows=in_rows,
    )
    for item in ended:
        if item.quarantined:
            id = show_foreign(item.delivery.id)
            logger.error("Quarantined %s: %s", id, item.quarantined.reason)
    if refused:
        logger.warning(
            "Refused %d outcomes of cancelled results or overtaken attempts.", refused
        )
    return refused
