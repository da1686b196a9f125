"""
Slices of `TaskResult`: the columns that one write is about, and no others.

Most of what a write costs is per column, and most columns of a row keep their default.
These models are of the same table, and of a registry of their own, so that neither
migrations nor the admin see them. What they leave out, the database fills in.
"""

from typing import Any, ClassVar

from django.apps.registry import Apps
from django.db import models

from taskhub.models.fields.exact_json import ExactJSONField
from taskhub.models.ids import new_id
from taskhub.models.results.carried import Carried
from taskhub.models.results.statuses import Status
from taskhub.models.results.task_result import TaskResult

_apps = Apps()
_TABLE = TaskResult._meta.db_table


class _New(Carried, models.Model):
    """What is known of every result when it is enqueued."""

    #: How many bytes of JSON its arguments and meta are.
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
    """A result that was asked for with nothing but arguments: what most are."""

    run_after = expires_at = parent_id = tick_at = None
    meta: ClassVar[dict[str, Any]] = {}

    objects: ClassVar[models.Manager["PlainSlice"]] = models.Manager()

    class Meta:
        apps = _apps
        app_label = "taskhub"
        db_table = _TABLE
        managed = False


class NewSlice(_New):
    """A result that has more to it, or whose row is its message, too."""

    meta = ExactJSONField(default=dict)
    run_after = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    parent_id = models.UUIDField(null=True)
    periodic_task_id = models.BigIntegerField(null=True)
    tick_at = models.DateTimeField(null=True)
    place = models.CharField(max_length=7, default="")

    objects: ClassVar[models.Manager["NewSlice"]] = models.Manager()

    class Meta:
        apps = _apps
        app_label = "taskhub"
        db_table = _TABLE
        managed = False


#: What is inserted when something is enqueued.
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
        """What is written: all but the key."""
        return [field.name for field in cls._meta.concrete_fields if field.name != "id"]


class EndedSlice(_Ended):
    """
    What a first attempt that succeeded, and returned nothing, changes in its row.

    Everything else is as it was: there was no error, no retry, and nothing to note.
    """

    objects: ClassVar[models.Manager["EndedSlice"]] = models.Manager()

    class Meta:
        apps = _apps
        app_label = "taskhub"
        db_table = _TABLE
        managed = False


class ReturnedSlice(_Ended):
    """The same of one that returned something, or whose row is its message, too."""

    return_value = ExactJSONField(null=True)
    place = models.CharField(max_length=7, default="")
    held_by = models.CharField(max_length=100, default="")

    objects: ClassVar[models.Manager["ReturnedSlice"]] = models.Manager()

    class Meta:
        apps = _apps
        app_label = "taskhub"
        db_table = _TABLE
        managed = False
