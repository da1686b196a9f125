"""The state of queues, leases of worker processes, and quarantined messages."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from taskhub.models.base import TaskHubModel
from taskhub.models.constraints import ReadableTimes
from taskhub.models.fields.names import NameField
from taskhub.models.ids import new_id

#: How much of a quarantined message is stored. Every database accepts this.
MAX_BODY_BYTES = 2 * 1024 * 1024


class Lease(TaskHubModel):
    """
    The right of one worker process to the messages that it holds.

    Only the database broker uses it. The steward extends it, by the database's clock.
    """

    token = NameField(primary_key=True, max_length=100)
    ends_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            ReadableTimes(fields=["ends_at"], name="taskhub_times_of_leases"),
        ]

    def __str__(self) -> str:
        return self.token


class QueueState(TaskHubModel):
    """Whether a queue is paused, by whom and why. A queue without a row is active."""

    backend = NameField(_("backend"), max_length=100)
    queue_name = NameField(_("queue"), max_length=100)
    #: None while the queue is active.
    paused_at = models.DateTimeField(_("paused"), null=True)
    #: Whether to pause the queue when it has no due messages and no running tasks.
    drains = models.BooleanField(_("draining"), default=False)
    changed_by = models.CharField(_("changed by"), max_length=150, default="")
    reason = models.TextField(_("reason"), default="")

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        permissions: ClassVar = [
            ("operate_queuestate", _("Can pause, drain and move queues")),
            ("purge_queuestate", _("Can purge queues")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["backend", "queue_name"], name="taskhub_one_state_of_a_queue"
            ),
            ReadableTimes(fields=["paused_at"], name="taskhub_times_of_queues"),
        ]

    def __str__(self) -> str:
        return self.queue_name

    @property
    def is_paused(self) -> bool:
        """Whether workers get no messages of the queue."""
        return self.paused_at is not None


class QuarantinedMessage(TaskHubModel):
    """A message that could not be verified or read."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: The id in the broker. A forged message may have any text as its id.
    message_id = NameField(_("message id"), max_length=200)
    queue_name = NameField(_("queue"), max_length=100)
    reason = models.TextField(_("reason"))
    #: The first 2 MiB of the message.
    body = models.BinaryField(_("body"))
    worker_id = NameField(_("worker"), max_length=100)
    quarantined_at = models.DateTimeField(_("quarantined"))

    class Meta:
        verbose_name = _("quarantined message")
        verbose_name_plural = _("quarantined messages")
        permissions: ClassVar = [
            ("retry_quarantinedmessage", _("Can retry quarantined messages")),
        ]
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            ReadableTimes(
                fields=["quarantined_at"], name="taskhub_times_of_quarantined"
            ),
        ]

    def __str__(self) -> str:
        return self.message_id
