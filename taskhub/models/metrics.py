"""Metrics of tasks and queues, counted as tasks finish."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from taskhub.models.base import TaskHubModel
from taskhub.models.constraints import ReadableTimes
from taskhub.models.fields.names import NameField
from taskhub.models.ids import new_id

#: The lengths of spans in seconds; FRESH is for rows that are not rolled up yet.
FRESH, MINUTE, TEN_MINUTES, HALF_HOUR, HOUR = 0, 60, 600, 1_800, 3_600


class TaskMetrics(TaskHubModel):
    """
    Counts of the runs of one task in one queue within a span of time.

    Readers add up the rows of a span, and operations/metrics/rollup.py merges them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: The start of the span, a multiple of its length.
    starts_at = models.DateTimeField()
    #: The length of the span; FRESH for a minute that has not been rolled up.
    seconds = models.PositiveSmallIntegerField(default=FRESH)
    task_path = NameField(max_length=255)
    queue_name = NameField(max_length=100)
    successful = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    #: Failed attempts that were followed by another attempt.
    retried = models.PositiveIntegerField(default=0)
    #: Histograms: how long attempts waited once due, and ran (foundation/histogram.py).
    waits = models.JSONField(default=dict)
    runs = models.JSONField(default=dict)
    #: How long all attempts ran together, and the longest of them, in seconds.
    run_seconds = models.FloatField(default=0)
    longest_run = models.FloatField(default=0)

    class Meta:
        # The admin shows the rows on one page, the overview. A row has no page.
        verbose_name = _("overview")
        verbose_name_plural = _("overview")
        indexes: ClassVar = [
            # The rows of a range of time, and those to roll up.
            models.Index(fields=["seconds", "starts_at"], name="taskhub_metrics_span"),
        ]
        constraints: ClassVar = [
            ReadableTimes(fields=["starts_at"], name="taskhub_times_of_metrics"),
        ]

    def __str__(self) -> str:
        return f"{self.task_path} {self.starts_at:%Y-%m-%d %H:%M}"


class QueueDepth(TaskHubModel):
    """The maximum depth of a queue in a span. Spans are merged as in TaskMetrics."""

    starts_at = models.DateTimeField()
    seconds = models.PositiveSmallIntegerField(default=MINUTE)
    backend = NameField(max_length=100)
    queue_name = NameField(max_length=100)
    delayed = models.PositiveIntegerField()
    ready = models.PositiveIntegerField()
    held = models.PositiveIntegerField()
    #: How long the oldest due message has waited.
    oldest_seconds = models.FloatField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["starts_at", "backend", "queue_name", "seconds"],
                name="taskhub_depth_of_a_span",
            ),
            ReadableTimes(fields=["starts_at"], name="taskhub_times_of_depths"),
        ]
        indexes: ClassVar = [
            # The rows to roll up.
            models.Index(fields=["seconds", "starts_at"], name="taskhub_depth_rolled"),
        ]

    def __str__(self) -> str:
        return f"{self.queue_name} {self.starts_at:%Y-%m-%d %H:%M}"

    def grow(self, other: "QueueDepth") -> bool:
        """Raise each number to that of `other`; return whether any was raised."""
        names = ("delayed", "ready", "held", "oldest_seconds")
        grown = [n for n in names if getattr(other, n) > getattr(self, n)]
        for name in grown:
            setattr(self, name, getattr(other, name))
        return bool(grown)
