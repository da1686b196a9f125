"""Receivers of Django's signals."""

import logging

from django.apps import AppConfig
from django.db import connections, transaction
from django.db.models.signals import post_delete, post_migrate, post_save
from django.dispatch import receiver

from taskhub.beat.wakeup import wake_beats
from taskhub.models import PeriodicTask
from taskhub.models.base import results_database
from taskhub.operations.schedules import synchronise

logger = logging.getLogger(__name__)


@receiver([post_save, post_delete], sender=PeriodicTask)
def wake_beats_on_commit(using: str, **kwargs: object) -> None:
    """Wake beats after the commit that changes a schedule."""
    transaction.on_commit(wake_beats, using=using)


@receiver(post_migrate)
def synchronise_on_migrate(
    sender: AppConfig, using: str, plan: object = None, **kwargs: object
) -> None:
    """Make rows of the schedules that the code declares."""
    # The command flush, which tests use, sends this signal without a plan.
    if sender.name != "taskhub" or using != results_database() or plan is None:
        return
    tables = connections[using].introspection.table_names()
    if PeriodicTask._meta.db_table not in tables:
        # A backward migration has removed the table.
        return
    for name, fault in synchronise().faults.items():
        logger.error("The schedule %r that the code declares: %s", name, fault)
