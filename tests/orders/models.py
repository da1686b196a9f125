"""Models with a foreign key to a result, with different `on_delete` options."""

from django.db import models

from taskhub.models import TaskResult


class Order(models.Model):
    """A row that protects its result from deletion."""

    result = models.ForeignKey(TaskResult, models.PROTECT)

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Note(models.Model):
    """A row that is deleted with its result, unless a stamp protects it."""

    result = models.ForeignKey(TaskResult, models.CASCADE)

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Stamp(models.Model):
    """A row that protects its note, and so the note's result, from deletion."""

    note = models.ForeignKey(Note, models.PROTECT)

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Link(models.Model):
    """A row that stays when its result is deleted."""

    result = models.ForeignKey(TaskResult, models.SET_NULL, null=True)

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
