"""What became of tasks in numbers: counted as they finish, not when somebody looks."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from taskhub.models.base import TaskHubModel
from taskhub.models.constraints import ReadableTimes
from taskhub.models.fields.names import NameField
from taskhub.models.ids import new_id

#: The spans that are counted, in seconds; 0 is for what was counted a moment ago.
FRESH, MINUTE, TEN_MINUTES, HALF_HOUR, HOUR = 0, 60, 600, 1_800, 3_600


class TaskMetrics(TaskHubModel):
    """
    How runs of one task in one queue went, within a span of time.

    There may be several rows for the same: they are to be added up. The steward does
    that, and makes spans longer as they get older; see operations/metrics/rollup.py.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: Of the span: a whole minute, ten, half an hour or an hour.
    starts_at = models.DateTimeField()
    seconds = models.PositiveSmallIntegerField(default=FRESH)
    task_path = NameField(max_length=255)
    queue_name = NameField(max_length=100)
    successful = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    #: Attempts that failed, and that another one follows.
    retried = models.PositiveIntegerField(default=0)
    #: See histogram.py: from when each attempt was due until it was started, and from
    #: then until it ended.
    waits = models.JSONField(default=dict)
    runs = models.JSONField(default=dict)
    run_seconds = models.FloatField(default=0)
    longest_run = models.FloatField(default=0)

    class Meta:
        # Its rows are for nobody; the page that they are for is.
        verbose_name = _("overview")
        verbose_name_plural = _("overview")
        indexes: ClassVar = [
            # The rows of a range of time; and those that are to be rolled up.
            models.Index(fields=["seconds", "starts_at"], name="taskhub_metrics_span"),
        ]
        constraints: ClassVar = [
            ReadableTimes(fields=["starts_at"], name="taskhub_times_of_metrics"),
        ]

    def __str__(self) -> str:
        return f"{self.task_path} {self.starts_at:%Y-%m-%d %H:%M}"


class QueueDepth(TaskHubModel):
    """
    How full a queue was within a span of time, at its fullest.

    Spans are minutes at first, and get longer as those of TaskMetrics do.
    """

    starts_at = models.DateTimeField()
    seconds = models.PositiveSmallIntegerField(default=MINUTE)
    backend = NameField(max_length=100)
    queue_name = NameField(max_length=100)
    delayed = models.PositiveIntegerField()
    ready = models.PositiveIntegerField()
    held = models.PositiveIntegerField()
    #: How long the oldest due message had waited.
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
            # Those that are to be rolled up.
            models.Index(fields=["seconds", "starts_at"], name="taskhub_depth_rolled"),
        ]

    def __str__(self) -> str:
        return f"{self.queue_name} {self.starts_at:%Y-%m-%d %H:%M}"

    def grow(self, other: "QueueDepth") -> bool:
        """Take the greater of each number; return whether any was greater."""
        names = ("delayed", "ready", "held", "oldest_seconds")
        grown = [n for n in names if getattr(other, n) > getattr(self, n)]
        for name in grown:
            setattr(self, name, getattr(other, name))
        return bool(grown)
