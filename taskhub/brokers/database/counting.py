"""
Counting messages by place, at a bounded cost.

A count visits every row, so one above MAX_COUNTED is cached for COUNT_TTL_SECONDS.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from django.db.models import Count

from taskhub.foundation.ttl_cache import TTLCache
from taskhub.messages import Depth
from taskhub.models import Place, TaskResultQuerySet

MAX_COUNTED = 10_000
COUNT_TTL_SECONDS = 60.0


class Counts:
    """Counts the messages of one backend, by place and queue."""

    def __init__(self) -> None:
        self._known: TTLCache[int] = TTLCache(COUNT_TTL_SECONDS)

    def depths(
        self, rows: TaskResultQuerySet, queues: Sequence[str], paused: Collection[str]
    ) -> dict[str, Depth]:
        """Return the depth of each of these queues, by the rows of the backend."""
        # One query for each place: no index serves two places.
        delayed = self._count(rows, Place.DELAYED, queues)
        ready = self._count(rows, Place.READY, queues)
        held = self._count(rows, Place.HELD, queues)
        return {
            name: Depth(
                delayed=delayed[name],
                ready=ready[name],
                held=held[name],
                paused=name in paused,
            )
            for name in queues
        }

    def _count(
        self, rows: TaskResultQuerySet, place: Place, queues: Sequence[str]
    ) -> dict[str, int]:
        here = rows.filter(place=place).order_by()
        counts, unknown = {}, []
        for name in queues:
            known = self._known.get((place, name))
            if known is None:
                unknown.append(name)
            elif known > MAX_COUNTED:
                # Is it still as high? The queue may have been purged meanwhile.
                counted = here.filter(queue_name=name)[: MAX_COUNTED + 1].count()
                counts[name] = known if counted > MAX_COUNTED else counted
            else:
                counts[name] = known
        return counts | self._find_out(here, place, unknown)

    def _find_out(
        self, here: TaskResultQuerySet, place: Place, queues: Sequence[str]
    ) -> dict[str, int]:
        if not queues:
            return {}
        names = here.filter(queue_name__in=queues).values_list("queue_name", flat=True)
        found = dict(Counter(names[: MAX_COUNTED + 1]))
        are_many = sum(found.values()) > MAX_COUNTED
        if are_many:
            counted = names.annotate(count=Count("pk"))
            found = dict(counted.values_list("queue_name", "count"))
        counts = {name: found.get(name, 0) for name in queues}
        for name, count in counts.items():
            # The index of delayed messages is not by queue: low counts take long, too.
            if count > MAX_COUNTED or (are_many and place is Place.DELAYED):
                self._known.set((place, name), count)
        return counts
