"""Schedules that are late."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from taskhub.models import PeriodicTask
from taskhub.models.periodic.columns import UNPLANNED
from taskhub.operations.schedules.beats import running_beat

MAX_TICK_DELAY = timedelta(minutes=1)
#: A beat looks at a postponed schedule again within this time.
_MAX_POSTPONEMENT = timedelta(seconds=10)


def late_schedules(
    schedules: QuerySet[PeriodicTask], now: datetime
) -> QuerySet[PeriodicTask]:
    """Return the schedules that are overdue to be fired or to be planned."""
    before = now - MAX_TICK_DELAY
    # `look_at` has an index. A beat looks at a postponed schedule again within seconds.
    urgent = schedules.filter(enabled=True, look_at__lt=now + _MAX_POSTPONEMENT)
    return urgent.filter(
        Q(look_at__gt=UNPLANNED, look_at__lt=before)
        | Q(look_at__lte=UNPLANNED, created_at__lt=before)
        | (Q(next_run_at__lt=before) & ~Q(postponed_because=""))
    )


def problems_of_late_schedules(reasons: dict[str, str]) -> Iterator[str]:
    """Yield one sentence for each reason why schedules, given by name, are late."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        words = {"count": len(names), "name": names[0], "reason": reason}
        sentence = ngettext(
            "%(count)d schedule is late, '%(name)s': %(reason)s",
            "%(count)d schedules are late, such as '%(name)s': %(reason)s",
            len(names),
        )
        yield sentence % (words | {"reason": reason or _describe_beat()})


def _describe_beat() -> str:
    if beat := running_beat():
        return _("the beat %(beat)s is running; see its log.") % {"beat": beat}
    return _("no beat is running; start taskbeat, or a taskworker with --beat.")
