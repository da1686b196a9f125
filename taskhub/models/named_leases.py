"""Named leases: each lets one node at a time do some work, such as pruning."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from taskhub.models.base import TaskHubModel
from taskhub.models.clock import DatabaseNow
from taskhub.models.constraints import ReadableTimes
from taskhub.models.fields.names import NameField


class NamedLease(TaskHubModel):
    """The right of one node or beat to do some work until the lease ends."""

    name = NameField(primary_key=True, max_length=100)
    holder = NameField(max_length=100)
    #: By the database's clock.
    ends_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            ReadableTimes(fields=["ends_at"], name="taskhub_times_of_named_leases"),
        ]

    def __str__(self) -> str:
        return self.name


def database_now(using: str) -> datetime:
    """Return the time by the database's clock, or this host's if there is no lease."""
    leases = (
        NamedLease.objects.using(using)
        .annotate(now=DatabaseNow())
        .values_list("now", flat=True)
    )
    return leases.first() or timezone.now()


def take_lease(name: str, holder: str, *, seconds: float, using: str) -> bool:
    """
    Take or extend a lease for `seconds`; return False if another holder has it.

    A lease only saves work: the work must be correct if two nodes do it.
    """
    ends_at = DatabaseNow() + timedelta(seconds=seconds)
    mine_or_over = Q(holder=holder) | Q(ends_at__lt=DatabaseNow())
    leases = NamedLease.objects.using(using)
    if leases.filter(mine_or_over, name=name).update(holder=holder, ends_at=ends_at):
        return True
    if leases.filter(name=name).exists():
        return False
    try:
        with transaction.atomic(using=using):
            leases.create(name=name, holder=holder, ends_at=ends_at)
    except IntegrityError:
        # Another node was faster.
        return False
    return True
