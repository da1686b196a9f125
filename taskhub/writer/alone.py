"""
An outcome that comes alone, written with one statement.

When little is to be done, that is how they come, and somebody waits for each of them:
what takes a group a transaction, a lock and an INSERT is a single UPDATE here, with the
fence as its condition.
"""

from typing import Any

from django.db import transaction

from taskhub.models import Place, Status
from taskhub.models.results.task_result import results_database
from taskhub.writer.attempts import Outcome
from taskhub.writer.rows import rows_in
from taskhub.writer.tally import Tally


def write_alone(outcome: Outcome, *, in_rows: bool, tally: Tally | None) -> bool:
    """
    Write a plain outcome if its row is as it was enqueued: unclaimed, and not marked.

    Return whether that was so; if not, write_outcomes() finds out what to do.
    """
    alias = results_database()
    attempt = outcome.attempt
    changes: dict[str, Any] = {
        "status": outcome.status,
        "attempts": attempt.number,
        "worker_ids": attempt.worker_ids,
        "started_at": attempt.first_started_at,
        "last_attempted_at": attempt.started_at,
        "finished_at": outcome.finished_at,
    }
    if in_rows or outcome.return_value is not None:
        changes |= {
            "return_value": outcome.return_value,
            "place": Place.NOWHERE,
            "held_by": "",
        }
    as_enqueued = rows_in(alias).filter(
        pk=attempt.message.id, status=Status.READY, attempts=0
    )
    if not as_enqueued.update(**changes):
        return False
    if tally is not None:
        transaction.on_commit(lambda: tally.count([outcome]), using=alias)
    return True
