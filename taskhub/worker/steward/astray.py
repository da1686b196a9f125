"""
Messages that are astray: the broker has their body and has lost their place.

Invariant: a message that two looks in a row find astray is given a place, unless a
living process runs it. One look is not enough: the key that named its holder may be
lost. By the second look, its run has ended, or its row is RUNNING.

1. If the row is unfinished, it is pushed, since it says when the message is due.
2. If the row is finished, or in another queue by now, the message is deleted.
3. If there is no row, the message is put back: it runs if its task has `durable=False`,
   and is quarantined if it is not from this site.
"""

import logging
from collections.abc import Callable, Collection
from uuid import UUID

from taskhub.brokers.base import Broker
from taskhub.models import TaskResult
from taskhub.models.results.statuses import IN_LINE_STATUSES

logger = logging.getLogger(__name__)

#: The token for acknowledgements; no process holds messages under it.
_TOKEN = "sweep"  # noqa: S105  not a secret


class Astray:
    """Finds messages that are astray, and remembers them until the next look."""

    def __init__(
        self, broker: Broker, alias: str, push: Callable[[Collection[UUID]], None]
    ) -> None:
        self._broker = broker
        self._alias = alias
        self._push = push
        self._seen: dict[str, set[str]] = {}

    def add(self, queue_name: str, ids: set[str]) -> None:
        if ids:
            self._seen.setdefault(queue_name, set()).update(ids)

    def look(self, queue_name: str, *, has_any: bool) -> None:
        """Give places to the messages of the last look; search again if `has_any`."""
        if seen := self._seen.pop(queue_name, None):
            self._give_places(queue_name, seen)
        if has_any:
            self.add(queue_name, self._broker.astray(queue_name))

    def _give_places(self, queue_name: str, ids: set[str]) -> None:
        pks = {each: pk for each in ids if (pk := _parse(each))}
        rows = self._rows_of(pks.values())
        valid = [pk for pk, row in rows.items() if self._is_here(row, queue_name)]
        if valid:
            self._push(valid)
        obsolete = [each for each, pk in pks.items() if pk in rows.keys() - set(valid)]
        if obsolete:
            self._broker.acknowledge(queue_name, obsolete, token=_TOKEN)
        rowless = [each for each in ids if pks.get(each) not in rows]
        if count := self._broker.put_back(queue_name, rowless):
            logger.warning("Put back %d messages whose place was lost.", count)

    def _rows_of(self, pks: Collection[UUID]) -> dict[UUID, TaskResult]:
        fields = TaskResult.writing.only("pk", "status", "queue_name", "backend")
        return fields.in_bulk(list(pks))

    def _is_here(self, row: TaskResult, queue_name: str) -> bool:
        return (
            row.status in IN_LINE_STATUSES
            and row.queue_name == queue_name
            and row.backend == self._alias
        )


def _parse(text: str) -> UUID | None:
    """Return the id of a result; None if the text is not one."""
    try:
        pk = UUID(text)
    except ValueError:
        return None
    return pk if str(pk) == text else None
