"""
Slices of `TaskResult`: models of its table that have only the columns of one write.

A write costs more with more columns, and most keep their default. In a new row, the
database sets the defaults of columns that the slice leaves out. The slices have a
registry of their own, so that migrations and the admin do not see them.
"""

from typing import Any, ClassVar

from django.apps.registry import Apps
from django.db import models

from taskhub.models.fields.exact_json import ExactJSONField
from taskhub.models.ids import new_id
from taskhub.models.results.carried import Carried
from taskhub.models.results.statuses import Status
from taskhub.models.results.task_result import TaskResult


class _Slice:
    """The Meta options of all slices."""

    apps = Apps()
    app_label = "taskhub"
    db_table = TaskResult._meta.db_table
    managed = False


class _New(Carried, models.Model):
    """The columns that every new result needs."""

    #: The size of its arguments and meta as JSON, in bytes.
    size = 0

    id = models.UUIDField(primary_key=True, default=new_id)
    task_path = models.CharField(max_length=255)
    queue_name = models.CharField(max_length=100)
    backend = models.CharField(max_length=100)
    priority = models.SmallIntegerField()
    args = ExactJSONField()
    kwargs = ExactJSONField()
    enqueued_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


class PlainSlice(_New):
    """A new result without options, as most are. The database broker cannot use it."""

    run_after = expires_at = parent_id = tick_at = extra = None
    meta: ClassVar[dict[str, Any]] = {}

    objects: ClassVar[models.Manager["PlainSlice"]] = models.Manager()

    class Meta(_Slice):
        pass


class NewSlice(_New):
    """A new result with options, or for the database broker."""

    meta = ExactJSONField(default=dict)
    extra = ExactJSONField(null=True)
    run_after = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    parent_id = models.UUIDField(null=True)
    periodic_task_id = models.BigIntegerField(null=True)
    tick_at = models.DateTimeField(null=True)
    place = models.CharField(max_length=7, default="")

    objects: ClassVar[models.Manager["NewSlice"]] = models.Manager()

    class Meta(_Slice):
        pass


#: The rows that enqueueing inserts.
NewResult = PlainSlice | NewSlice


class _Ended(models.Model):
    id = models.UUIDField(primary_key=True)
    status = models.CharField(max_length=10, default=Status.SUCCESSFUL)
    attempts = models.PositiveSmallIntegerField(default=1)
    worker_ids = models.JSONField()
    started_at = models.DateTimeField(null=True)
    last_attempted_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)

    @classmethod
    def written(cls) -> list[str]:
        """Return the names of all fields but the key."""
        return [field.name for field in cls._meta.concrete_fields if field.name != "id"]


class EndedSlice(_Ended):
    """The columns that a first attempt changes if it succeeds and returns None."""

    objects: ClassVar[models.Manager["EndedSlice"]] = models.Manager()

    class Meta(_Slice):
        pass


class ReturnedSlice(_Ended):
    """
    The columns that a first attempt changes if it succeeds and returns a value.

    With the database broker, also if it returns None: the row is the message.
    """

    return_value = ExactJSONField(null=True)
    place = models.CharField(max_length=7, default="")
    held_by = models.CharField(max_length=100, default="")

    objects: ClassVar[models.Manager["ReturnedSlice"]] = models.Manager()

    class Meta(_Slice):
        pass
