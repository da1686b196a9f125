"""Disabling a row that cannot even be read, without reading it."""

import logging

from django.db.utils import DatabaseError, IntegrityError

from taskhub.exceptions import TaskHubError
from taskhub.models import PeriodicTask
from taskhub.models.periodic import PAUSED, PeriodicTaskQuerySet
from taskhub.models.results import results_database
from taskhub.values import escape_text

logger = logging.getLogger(__name__)


def pause_unread(pk: int, error: Exception) -> None:
    """
    Disable a row because of what it has raised, and log that once.

    Nothing of the row is read: that may be what is wrong with it. Raise whatever the
    database says of it.
    """
    reason = escape_text(_reason_of(error))
    row = PeriodicTaskQuerySet(PeriodicTask, using=results_database()).filter(pk=pk)
    if row.filter(enabled=True).update(**PAUSED, paused_because=reason):
        logger.error(
            "Disabled %s: %s", name_of(pk), reason, exc_info=_unforeseen(error)
        )


def name_of(pk: int) -> str:
    """Return how to call a row in a log: by its name, if that can be read."""
    rows = PeriodicTaskQuerySet(PeriodicTask, using=results_database()).filter(pk=pk)
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
    """Return what needs a traceback in the log: what is not about the row's content."""
    return None if isinstance(error, DatabaseError | TaskHubError) else error
