"""What follows when something else happens: receivers of Django's signals."""

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from taskhub.beat.alarm import wake_beats
from taskhub.models import PeriodicTask


@receiver([post_save, post_delete], sender=PeriodicTask)
def wake_beats_on_commit(using: str, **kwargs: object) -> None:
    """A schedule was changed: beats are to look at it now, and not within a second."""
    transaction.on_commit(wake_beats, using=using)
