"""The statuses of a result, and the places of its message in the database broker."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Django's own words, and one more."""

    READY = "READY", _("Ready")
    RUNNING = "RUNNING", _("Running")
    SUCCESSFUL = "SUCCESSFUL", _("Successful")
    FAILED = "FAILED", _("Failed")
    CANCELLED = "CANCELLED", _("Cancelled")

    @classmethod
    def label_of(cls, status: str) -> str:
        """Return a status in words; what is no status, as it is."""
        return str(cls(status).label) if status in cls else status


#: Of those, the ones after which something is still to come.
UNFINISHED_STATUSES = (Status.READY, Status.RUNNING)


class Place(models.TextChoices):
    """Where the database broker keeps a message: in one of three places, or nowhere."""

    NOWHERE = "", _("Nowhere")
    DELAYED = "delayed", _("Scheduled")
    READY = "ready", _("Ready")
    HELD = "held", _("In progress")
