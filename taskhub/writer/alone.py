"""
An outcome that comes alone, written with one statement.

When little is to be done, that is how they come, and somebody waits for each of them:
what takes a group a transaction with a lock, an INSERT and their round trips is a
single UPDATE here, with the fence in its condition.
"""

from typing import Any

from django.db import transaction

from taskhub.models import Place
from taskhub.models.results import results_database
from taskhub.writer.attempts import Outcome
from taskhub.writer.rows import own_row
from taskhub.writer.tally import Tally


def write_alone(outcome: Outcome, *, in_rows: bool, tally: Tally | None) -> int:
    """
    Write one plain outcome, as write_outcomes() does with many.

    Return how many were refused.
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
    written = own_row(attempt, alias).update(**changes)
    if written and tally is not None:
        transaction.on_commit(lambda: tally.count([outcome]), using=alias)
    return 1 - written
