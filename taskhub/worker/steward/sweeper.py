"""
The sweep: rows that the broker does not know are pushed again.

The broker may not know a committed row because the process that enqueued it died before
the push, because the broker was away, or because the broker has lost its data. Three
passes look for such rows:

- The young pass sees every row once, some seconds after it was enqueued.
- The slow pass goes over all unfinished rows, some hundred a second, again and again.
  It hurries if the broker was replaced or emptied, and after a pass with lost rows.
- After each slow pass, a third pass checks rows whose ids lie in the future, because
  the clock of the host that enqueued them was ahead.

If the broker has lost only the body of a message or only its place, the depth of the
queue shows it. See `taskhub.worker.steward.astray` for lost places.

With the database broker, a row has lost its place only if the process that moved or
retried it died halfway. The slow pass is enough for that.

A row is pushed as one that came back: the worker reads the row before running it. So it
does no harm if the row is finished or pushed by another process during the sweep. A
RUNNING row is pushed only if its process is gone.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from taskhub import outbox, writer
from taskhub.brokers import get_broker
from taskhub.models import Node, Status, TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow
from taskhub.models.ids import first_id_at
from taskhub.models.named_leases import database_now, take_lease
from taskhub.models.nodes import PRESENCE_SECONDS
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.steward.astray import Astray

logger = logging.getLogger(__name__)

#: A younger row may still be on its way to the broker.
_MIN_AGE = timedelta(seconds=3)
#: How long a process may be alive without being in its node's row.
_GRACE = timedelta(seconds=3 * PRESENCE_SECONDS)
#: How far back the young pass begins; the slow pass sees older rows.
_MAX_YOUNG_AGE = timedelta(minutes=1)
_MAX_ROWS_PER_LOOK = 10_000
#: For the slow pass when it does not hurry.
_MAX_SLOW_ROWS_PER_LOOK = 1_000
_TURN_SECONDS = 10.0
#: How long the slow pass rests after it has seen all rows.
_REST_SECONDS = 5.0


class Sweeper:
    """Pushes lost rows, if it is this node's turn."""

    def __init__(self, node: NodeOptions) -> None:
        self._node = node
        self._config = node.config
        self._broker = get_broker(node.config)
        #: The last id that the young pass and the slow pass have checked.
        self._young: UUID | None = None
        self._slow: UUID | None = None
        #: For each queue, values that change when the broker loses messages.
        self._fingerprints: dict[str, tuple[str, int]] = {}
        self._queues = {*node.queues, *node.config.queues}
        self._astray = Astray(self._broker, node.config.alias, self._push)
        self._hurries = False
        self._found_some = False
        self._turn_until = 0.0
        self._resting_until = 0.0
        #: How far the database's clock is ahead of this machine's.
        self._ahead_by: timedelta | None = None

    def look(self) -> None:
        """
        Check some rows, and push those that the broker does not know.

        Block for some queries. Raise BrokerError or a database's error if either is
        away; the next call checks the rows again.
        """
        if not self._has_turn():
            return
        now = self._database_now()
        if not self._broker.lives_in_rows:
            for queue_name in sorted(self._queues):
                with self._broker.damage.tolerated(queue_name, "sweep"):
                    self._look_at(queue_name)
            self._sweep_young(now)
        if time.monotonic() > self._resting_until:
            self._sweep_slowly(now)

    def _database_now(self) -> datetime:
        """Return the time by the database's clock, which is queried once a turn."""
        if self._ahead_by is None:
            self._ahead_by = database_now(results_database()) - timezone.now()
        return timezone.now() + self._ahead_by

    def _has_turn(self) -> bool:
        # Extend the turn when half of it is over: before it ends, but not at each look.
        now = time.monotonic()
        if now > self._turn_until - _TURN_SECONDS / 2:
            taken = take_lease(
                f"sweep {self._config.alias}",
                self._node.name,
                seconds=_TURN_SECONDS,
                using=results_database(),
            )
            self._turn_until = now + _TURN_SECONDS if taken else 0.0
            self._ahead_by = None
        return now < self._turn_until

    def _look_at(self, queue_name: str) -> None:
        """Notice if the broker has lost messages of a queue, or parts of them."""
        astray = self._broker.count_astray(queue_name)
        self._astray.look(queue_name, has_any=astray > 0)
        fingerprint = self._broker.fingerprint([queue_name]), min(0, astray)
        if self._fingerprints.setdefault(queue_name, fingerprint) != fingerprint:
            logger.warning(
                "The broker may have lost messages of queue %s; checking all rows.",
                queue_name,
            )
            self._slow, self._hurries = None, True
            self._resting_until = 0.0
        self._fingerprints[queue_name] = fingerprint

    def _sweep_young(self, now: datetime) -> None:
        after = self._young or first_id_at(now - _MAX_YOUNG_AGE)
        before = first_id_at(now - _MIN_AGE)
        rows = self._in_line().filter(id__gt=after, id__lt=before)
        self._young = self._sweep(rows, _MAX_ROWS_PER_LOOK) or before

    def _sweep_slowly(self, now: datetime) -> None:
        rows = self._in_line().filter(id__lt=first_id_at(now - _MIN_AGE))
        if self._slow is not None:
            rows = rows.filter(id__gt=self._slow)
        count = _MAX_ROWS_PER_LOOK if self._hurries else _MAX_SLOW_ROWS_PER_LOOK
        self._slow = self._sweep(rows, count)
        if self._slow is None:
            # The pass has seen all rows, and begins again.
            self._sweep_ahead(now)
            self._hurries, self._found_some = self._found_some, False
            if not self._hurries:
                self._resting_until = time.monotonic() + _REST_SECONDS

    def _sweep_ahead(self, now: datetime) -> None:
        if not self._broker.lives_in_rows:
            rows = self._in_line().filter(id__gt=first_id_at(now + _MIN_AGE))
            self._sweep(rows, _MAX_ROWS_PER_LOOK)

    def _in_line(self) -> TaskResultQuerySet:
        return TaskResult.writing.in_line().filter(backend=self._config.alias)

    def _sweep(self, rows: TaskResultQuerySet, count: int) -> UUID | None:
        """Check the first `count` rows. Return the last if there may be more."""
        seen = list(rows.order_by("id").values_list("id", "queue_name")[:count])
        by_queue: dict[str, list[UUID]] = defaultdict(list)
        for pk, queue_name in seen:
            by_queue[queue_name].append(pk)
        self._queues |= by_queue.keys()
        missing: set[UUID] = set()
        for queue_name, pks in by_queue.items():
            with self._broker.damage.tolerated(queue_name, "sweep"):
                missing |= self._missing(queue_name, pks)
        if missing:
            self._push(missing)
        return seen[-1][0] if len(seen) == count else None

    def _missing(self, queue_name: str, pks: Collection[UUID]) -> set[UUID]:
        """Return the ids that the broker does not have; note those that are astray."""
        missing = self._broker.missing(queue_name, pks)
        if not missing:
            return missing
        astray = self._broker.astray(queue_name, missing)
        self._astray.add(queue_name, astray)
        return missing - set(map(UUID, astray))

    def _push(self, pks: Collection[UUID]) -> None:
        # Read the rows again: some may have finished, and are missing for that reason.
        rows = list(self._in_line().filter(pk__in=pks))
        living = self._living_tokens()
        lost: dict[str, list[TaskResult]] = defaultdict(list)
        for row in rows:
            if not self._is_being_run(row, living):
                lost[row.queue_name].append(row)
        for queue_name, group in lost.items():
            with self._broker.damage.tolerated(queue_name, "push"):
                outbox.push_again(self._config, group)
                writer.write_deaths(
                    {
                        row.pk: row.worker_ids[-1]
                        for row in group
                        if row.status == Status.RUNNING and row.worker_ids
                    }
                )
                logger.warning(
                    "Pushed %d rows that the broker did not know.", len(group)
                )
                self._found_some = True

    # In doubt, a process counts as alive: otherwise its task might run twice.

    def _is_being_run(self, row: TaskResult, living: set[str]) -> bool:
        if row.status == Status.READY or row.last_attempted_at is None:
            return False
        # A node reports a new process some seconds after its start. The clock of the
        # process may be far ahead of this one.
        is_new = abs(timezone.now() - row.last_attempted_at) < _GRACE
        return is_new or row.worker_ids[-1] in living

    def _living_tokens(self) -> set[str]:
        lease = timedelta(seconds=self._config.options.lease_seconds)
        recent = Node.writing.filter(last_seen_at__gte=DatabaseNow() - lease - _GRACE)
        return {token for node in recent for token in node.tokens}
