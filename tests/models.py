"""A table of traces: executions of tasks, recorded independently of their results."""

from django.db import models

from taskhub.models.clock import DatabaseNow


class Trace(models.Model):
    """One execution of a test's task."""

    label = models.CharField(max_length=100)
    pid = models.IntegerField()
    thread = models.CharField(max_length=100, default="")
    #: By the database's clock.
    at = models.DateTimeField(db_default=DatabaseNow())

    def __str__(self) -> str:
        return self.label

    @classmethod
    def labels(cls) -> list[str]:
        """Return the labels in the order in which they were written."""
        return list(cls.objects.order_by("pk").values_list("label", flat=True))
