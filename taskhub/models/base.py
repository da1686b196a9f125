"""
The database of taskhub's tables, and the manager that uses it.

All tables are in the database that the site's routers return for writing `TaskResult`.
Routers may send reads to a replica, which may be behind; the manager `writing` does
not.
"""

from functools import cache
from typing import ClassVar, Self, TypeVar

from django.apps import apps
from django.db import models, router

_M_co = TypeVar("_M_co", bound=models.Model, covariant=True)


def results_database() -> str:
    """Return the alias of the database that results are written to."""
    return router.db_for_write(_task_result())


@cache
def _task_result() -> type[models.Model]:
    return apps.get_model("taskhub", "TaskResult")


class WritingManager(models.Manager[_M_co]):
    """The rows in the database that results are written to, also for reading."""

    def get_queryset(self) -> models.QuerySet[_M_co]:
        """Return all rows. Each call asks the routers for the database."""
        return super().get_queryset().using(results_database())


class TaskHubModel(models.Model):
    """A model with both managers: `objects` for the site, `writing` for taskhub."""

    objects: ClassVar[models.Manager[Self]] = models.Manager()
    writing: ClassVar[models.Manager[Self]] = WritingManager()

    class Meta:
        abstract = True
