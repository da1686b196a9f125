"""
The database of taskhub's tables, and the manager that uses it.

All tables are in the database to which the site's routers write `TaskResult`. The
manager `writing` also reads from it, because a replica for reading may be behind.
"""

from functools import cache
from typing import Any, ClassVar, Self, TypeVar

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
    """Reads and writes the rows in the database that results are written to."""

    queryset_class: type[models.QuerySet[Any]] = models.QuerySet

    @classmethod
    def of(cls, queryset_class: type[models.QuerySet[Any]]) -> Any:
        """Return a manager with the methods of a queryset class."""
        manager_class = cls.from_queryset(queryset_class)
        manager_class.queryset_class = queryset_class
        return manager_class()

    def get_queryset(self) -> models.QuerySet[_M_co]:
        """Return all rows. Each call asks the routers for the database."""
        # super().get_queryset().using() would make a second queryset for each query.
        return self.queryset_class(self.model, using=results_database())


class TaskHubModel(models.Model):
    """A model with both managers: `objects` for the site, `writing` for taskhub."""

    objects: ClassVar[models.Manager[Self]] = models.Manager()
    writing: ClassVar[models.Manager[Self]] = WritingManager()

    class Meta:
        abstract = True
