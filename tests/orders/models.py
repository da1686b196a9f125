"""Rows that refer to results, each in another way."""

from django.db import models

from taskhub.models import TaskResult


class Order(models.Model):
    """It keeps its result from being deleted."""

    result = models.ForeignKey(TaskResult, models.PROTECT)

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Note(models.Model):
    """It goes with its result, unless a stamp keeps it."""

    result = models.ForeignKey(TaskResult, models.CASCADE)

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Stamp(models.Model):
    """It keeps its note, and so its result."""

    note = models.ForeignKey(Note, models.PROTECT)

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Link(models.Model):
    """It outlives its result."""

    result = models.ForeignKey(TaskResult, models.SET_NULL, null=True)

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
