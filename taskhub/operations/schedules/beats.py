"""Record that a beat is running, and find the running beat."""

from datetime import timedelta

from django.db import IntegrityError, transaction

from taskhub.models import NamedLease
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow

#: How often a beat records its presence.
PRESENCE_SECONDS = 5.0
_NAME = "beat"
_SILENT_AFTER = timedelta(seconds=3 * PRESENCE_SECONDS)


def record_beat(holder: str) -> None:
    """Record `holder` as the present beat for 15 seconds, by the database's clock."""
    alias = results_database()
    leases = NamedLease.objects.using(alias)
    values = {"holder": holder[:100], "ends_at": DatabaseNow() + _SILENT_AFTER}
    if leases.filter(name=_NAME).update(**values):
        return
    try:
        with transaction.atomic(using=alias):
            leases.create(name=_NAME, **values)
    except IntegrityError:
        # Another beat has created the row.
        return


def running_beat() -> str:
    """Return the host and the process of a running beat, or "" if none is running."""
    present = NamedLease.writing.filter(name=_NAME, ends_at__gte=DatabaseNow())
    return present.values_list("holder", flat=True).first() or ""
