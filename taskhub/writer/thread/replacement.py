"""Replacements for outcomes and messages that cannot be stored."""

from datetime import UTC, datetime
from typing import Any

from django.db.utils import IntegrityError
from msgspec import structs

from taskhub.models import Status
from taskhub.writer.attempts import Outcome, Quarantined
from taskhub.writer.ended import Ended
from taskhub.writer.errors import describe_error


def replacement_of(ended: Ended, error: Exception) -> Ended:
    """
    Return what can be stored: a failure, the outcome with its row kept, or a message
    without its bytes.

    Raise `error` if `ended` is a replacement already: then the process ends, and its
    messages go to another worker.
    """
    if ended.outcome is not None:
        return _as_failed(ended, ended.outcome, error)
    if ended.quarantined is not None and ended.delivery.body:
        return _without_bytes(ended, ended.quarantined)
    raise error


def _as_failed(ended: Ended, outcome: Outcome, error: Exception) -> Ended:
    if isinstance(error, IntegrityError) and not outcome.is_kept:
        # A row of the site refers to this row, and protects it from deletion.
        return structs.replace(ended, outcome=structs.replace(outcome, keep="all"))
    attempt = outcome.attempt
    if attempt.errors and attempt.errors[-1].get("storage"):
        raise error
    now = datetime.now(UTC)
    entry: dict[str, Any] = describe_error(error, attempt=attempt.number, failed_at=now)
    attempt.errors = [entry | {"storage": True}]
    failure = Outcome(attempt=attempt, status=Status.FAILED, finished_at=now)
    return Ended(ended.delivery, failure)


def _without_bytes(ended: Ended, quarantined: Quarantined) -> Ended:
    delivery = structs.replace(ended.delivery, body=b"")
    reason = f"{quarantined.reason} Its bytes could not be stored."
    return Ended(
        delivery,
        quarantined=structs.replace(quarantined, delivery=delivery, reason=reason),
    )
