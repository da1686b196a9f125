"""Whether a beat looks at schedules: told by beats, asked by people."""

from datetime import timedelta

from django.db import IntegrityError, transaction

from taskhub.models import Turn
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow

#: How often a beat tells of itself; after three times as long none is known to run.
BEAT_SECONDS = 5.0
_NAME = "beat"
_SILENT_AFTER = timedelta(seconds=3 * BEAT_SECONDS)


def tell_of_beat(holder: str) -> None:
    """Note that a beat has looked, by the database's clock. Any of several will do."""
    alias = results_database()
    turns = Turn.objects.using(alias)
    values = {"holder": holder[:100], "ends_at": DatabaseNow() + _SILENT_AFTER}
    if turns.filter(name=_NAME).update(**values):
        return
    try:
        with transaction.atomic(using=alias):
            turns.create(name=_NAME, **values)
    except IntegrityError:
        # Another beat was faster.
        return


def running_beat() -> str:
    """Return the host and process of the beat that has looked last; "" if none does."""
    present = Turn.writing.filter(name=_NAME, ends_at__gte=DatabaseNow())
    return present.values_list("holder", flat=True).first() or ""
