"""Bulk actions: operations on all results that match, in any number."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from taskhub.models.base import TaskHubModel
from taskhub.models.constraints import ReadableTimes
from taskhub.models.ids import new_id


class BulkAction(TaskHubModel):
    """An action on many results, with its progress, so any node can continue it."""

    class Kind(models.TextChoices):
        RETRY = "retry", _("Retry")
        CANCEL = "cancel", _("Cancel")
        DELETE = "delete", _("Delete")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(_("action"), max_length=10, choices=Kind)
    #: A Selection as JSON. It excludes results that were enqueued after the request.
    selection = models.JSONField(_("selection"), default=dict)
    #: For retries: how many become due per second; None means all at once.
    per_second = models.FloatField(_("per second"), null=True)
    #: For cancelling: whether to replace the processes that run the results.
    by_force = models.BooleanField(_("by force"), default=False)
    requested_by = models.CharField(_("requested by"), max_length=150, default="")
    requested_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    #: The id of the last result that was processed; None before the first.
    done_id = models.UUIDField(null=True, editable=False)
    #: How many results were changed.
    done = models.PositiveIntegerField(_("done"), default=0)
    #: How many results matched at the time of the request; None if not counted.
    expected = models.PositiveIntegerField(_("expected"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    #: Who stopped the action before its end; empty if nobody did.
    stopped_by = models.CharField(_("stopped by"), max_length=150, default="")

    class Meta:
        verbose_name = _("bulk action")
        verbose_name_plural = _("bulk actions")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # Stewards query every second whether there is work.
            models.Index(
                fields=["id"],
                condition=models.Q(finished_at__isnull=True),
                name="taskhub_bulk_unfinished",
            ),
        ]
        constraints: ClassVar = [
            ReadableTimes(
                fields=["requested_at", "finished_at"],
                name="taskhub_times_of_bulk_actions",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.done:,})"
