"""The statuses of a result, and the places of its message in the database broker."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """The statuses of Django, ON_HOLD and CANCELLED."""

    READY = "READY", _("Ready")
    RUNNING = "RUNNING", _("Running")
    #: Its worker has died, and a person decides whether the task is run again.
    ON_HOLD = "ON_HOLD", _("On hold")
    SUCCESSFUL = "SUCCESSFUL", _("Successful")
    FAILED = "FAILED", _("Failed")
    CANCELLED = "CANCELLED", _("Cancelled")

    @classmethod
    def label_of(cls, status: str) -> str:
        """Return the label of a status; other text unchanged."""
        return str(cls(status).label) if status in cls else status


#: The statuses of results that the broker has a message of.
IN_LINE_STATUSES = (Status.READY, Status.RUNNING)
#: The statuses without an outcome.
UNFINISHED_STATUSES = (*IN_LINE_STATUSES, Status.ON_HOLD)


class Place(models.TextChoices):
    """The place of a message in the database broker."""

    NOWHERE = "", _("Nowhere")
    DELAYED = "delayed", _("Scheduled")
    READY = "ready", _("Ready")
    HELD = "held", _("In progress")
