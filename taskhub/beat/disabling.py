"""Disabling a row without reading it."""

import logging

from django.db import transaction
from django.db.utils import DatabaseError, IntegrityError

from taskhub.exceptions import TaskHubError
from taskhub.foundation.values import escape_text
from taskhub.models import PeriodicTask
from taskhub.models.base import results_database
from taskhub.models.periodic.periodic_task import DISABLED

logger = logging.getLogger(__name__)


def disable_unread(pk: int, reason: str | None, error: Exception) -> None:
    """
    Disable a row for a reason, or for the error that the row has caused.

    Log this, unless the row was disabled already. Do not read the row, which may have
    caused the error. Raise DatabaseError if the database refuses the update.
    """
    reason = escape_text(reason or _reason_of(error))
    try:
        was_enabled = _disable(pk, reason)
    except DatabaseError:
        # The column's character set may lack some of the characters.
        reason = reason.encode("ascii", "backslashreplace").decode()
        was_enabled = _disable(pk, reason)
    if was_enabled:
        logger.error(
            "Disabled %s: %s", name_of(pk), reason, exc_info=_unforeseen(error)
        )


def _disable(pk: int, reason: str) -> bool:
    with transaction.atomic(using=results_database()):
        enabled = PeriodicTask.writing.filter(pk=pk, enabled=True)
        return bool(enabled.update(**DISABLED, disabled_reason=reason))


def name_of(pk: int) -> str:
    """Return a row's name for the log, or its key if the name cannot be read."""
    rows = PeriodicTask.writing.filter(pk=pk)
    try:
        return repr(rows.values_list("name", flat=True).get())
    except Exception as error:
        logger.debug("Cannot read the name of schedule %s: %s", pk, error)
        return f"schedule {pk}"


def _reason_of(error: Exception) -> str:
    if isinstance(error, IntegrityError):
        return f"The database refuses its next run: {error}".strip()
    if isinstance(error, DatabaseError):
        return f"The database refuses it: {error}".strip()
    if isinstance(error, TaskHubError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _unforeseen(error: Exception) -> Exception | None:
    """Return the error if its traceback is to be logged, since it is unexpected."""
    return None if isinstance(error, DatabaseError | TaskHubError) else error
