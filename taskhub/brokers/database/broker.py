"""The methods of the broker contract, as queries."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import (
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    QuerySet,
)

from taskhub.brokers.base import MAX_WAIT_SECONDS, Broker
from taskhub.brokers.database.connection import address_of, broker_errors, repeatable
from taskhub.brokers.database.counting import Counts
from taskhub.brokers.database.leases import Leases
from taskhub.brokers.database.listening import Listener, channel_of, notify
from taskhub.brokers.database.places import batches, take, take_out
from taskhub.conf import Config
from taskhub.db import again_after_deadlock
from taskhub.exceptions import LeaseLost
from taskhub.messages import Delivery, Depth, Envelope, Returned
from taskhub.models import Lease, Place, QueueState, TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow


class DatabaseBroker(Broker):
    """Messages in the rows of `TaskResult`, on SQLite, PostgreSQL, MariaDB or MySQL."""

    lives_in_rows = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        options = config.options
        self.idle_seconds = max(MAX_WAIT_SECONDS, options.poll_seconds)
        self._listener = Listener(options.poll_seconds, listens=options.notify)
        self._counts = Counts()
        self._leases = Leases(options.lease_seconds)

    def push(self, envelopes: Sequence[Envelope]) -> None:
        with broker_errors(self._alias):
            for batch in batches(envelopes):
                self._push(batch)
        self.wake({envelope.queue_name for envelope in envelopes})

    def _push(self, batch: Sequence[Envelope]) -> None:
        rows = self._rows.in_line().filter(
            pk__in=[each.id for each in batch], place=Place.NOWHERE
        )
        for each in batch:
            if each.returned:
                rows.filter(pk=each.id).update(returned=each.returned.text)
        rows.filter(run_after__gt=DatabaseNow()).update(place=Place.DELAYED)
        rows.update(place=Place.READY)

    def reserve(
        self, queues: Sequence[str], *, limit: int, token: str
    ) -> list[Delivery]:
        with broker_errors(self._alias):
            self._promote(token)
        return super().reserve(queues, limit=limit, token=token)

    @again_after_deadlock(results_database)
    def _promote(self, token: str) -> None:
        due = self._rows.filter(place=Place.DELAYED, run_after__lte=DatabaseNow())
        # Read both in one query, since every wake-up of an idle worker begins with it.
        lease = self._leases.of(token).annotate(has_due=Exists(due))
        has_due = lease.values_list("has_due", flat=True).first()
        if has_due is None:
            raise LeaseLost(f"The lease of {token} has ended.")
        # An update of no rows would still take the only write lock of SQLite.
        if has_due:
            due.update(place=Place.READY)

    def reserve_from(
        self, queue_name: str, *, limit: int, token: str
    ) -> list[Delivery]:
        with broker_errors(self._alias):
            # In one statement: the queue could be paused between two statements.
            ready = self._rows.filter(
                ~Exists(self._pauses(queue_name)),
                place=Place.READY,
                queue_name=queue_name,
            )
            rows = take(self._rows, ready, limit, token)
        return [
            Delivery(
                id=str(row.pk),
                queue_name=queue_name,
                returned=Returned.parse(row.returned),
                # Without a message, a worker refuses the delivery as unreadable.
                message=None if row.oddity else row.to_message(),
            )
            for row in rows
        ]

    def acknowledge(
        self, queue_name: str, ids: Collection[str], *, token: str
    ) -> set[str]:
        with broker_errors(self._alias):
            return {
                str(pk)
                for batch in batches(list(ids))
                for pk in take_out(self._rows, batch, place=Place.HELD, held_by=token)
            }

    @repeatable
    def release(
        self,
        queue_name: str,
        ids: Collection[str],
        *,
        token: str,
        started: bool = False,
    ) -> int:
        returned = Returned(token, died=False)
        changes = {"returned": returned.text} if started else {}
        released = sum(
            self._rows.filter(pk__in=batch, place=Place.HELD, held_by=token).update(
                place=Place.READY, held_by="", **changes
            )
            for batch in batches(list(ids))
        )
        self.wake({queue_name})
        return released

    @repeatable
    def postpone(
        self,
        queue_name: str,
        due_times: Mapping[str, datetime],
        *,
        token: str,
        started: bool,
    ) -> int:
        returned = Returned(token, died=False)
        changes = {"returned": returned.text} if started else {}
        now = datetime.now(UTC)
        postponed = sum(
            self._rows.filter(pk=pk, place=Place.HELD, held_by=token).update(
                place=Place.DELAYED,
                held_by="",
                run_after=DatabaseNow() + (due - now),
                **changes,
            )
            for pk, due in due_times.items()
        )
        self.wake({queue_name})
        return postponed

    def cancel(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        waiting = [Place.DELAYED, Place.READY]
        with broker_errors(self._alias):
            return {
                pk
                for batch in batches(list(ids))
                for pk in take_out(self._rows, batch, place__in=waiting)
            }

    def pause(self, queue_name: str, *, paused: bool) -> None:
        # Nothing to store: reserve_from() reads the queue's row in QueueState.
        if not paused:
            self.wake([queue_name])

    def _pauses(self, queue_name: str) -> QuerySet[QueueState]:
        return self._paused.filter(queue_name=queue_name)

    @property
    def _paused(self) -> QuerySet[QueueState]:
        return QueueState.objects.using(self._alias).filter(
            backend=self.config.alias, paused_at__isnull=False
        )

    @repeatable
    def held(self, queue_name: str, token: str) -> set[str]:
        rows = self._rows.filter(place=Place.HELD, held_by=token, queue_name=queue_name)
        return {str(pk) for pk in rows.ids()}

    def depth(self, queue_name: str) -> Depth:
        return self.depths([queue_name])[queue_name]

    def depths(self, queues: Sequence[str]) -> dict[str, Depth]:
        with broker_errors(self._alias):
            paused = set(self._paused.values_list("queue_name", flat=True))
            return self._counts.depths(self._rows, queues, paused)

    def is_paused(self, queue_name: str) -> bool:
        with broker_errors(self._alias):
            return self._pauses(queue_name).exists()

    def is_idle(self, queue_name: str) -> bool:
        with broker_errors(self._alias):
            rows = self._rows.filter(queue_name=queue_name)
            # One query for each place: no index serves two places.
            return not (
                rows.filter(place=Place.READY).exists()
                or rows.filter(place=Place.HELD).exists()
                or rows.filter(
                    place=Place.DELAYED, run_after__lte=DatabaseNow()
                ).exists()
            )

    @repeatable
    def missing(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        known = {
            pk
            for batch in batches(list(ids))
            for pk in self._rows.filter(pk__in=batch).exclude(place=Place.NOWHERE).ids()
        }
        return set(ids) - known

    def count_astray(self, queue_name: str) -> int:
        # The row is both the body and the place.
        return 0

    def fingerprint(self, queues: Sequence[str]) -> str:
        # The rows are the results themselves, so that no message is lost alone.
        return ""

    @repeatable
    def join(self, queues: Sequence[str], token: str) -> None:
        self._leases.begin(token)

    @repeatable
    def heartbeat(self, queues: Sequence[str], tokens: Collection[str]) -> set[str]:
        return self._leases.extend(tokens)

    @repeatable
    def silent(self, queues: Sequence[str]) -> set[str]:
        # A token without a lease may hold messages, reserved while its lease was ended.
        lease = self._leases.of(OuterRef("held_by"))
        orphaned = self._rows.filter(~Exists(lease), place=Place.HELD)
        holders = orphaned.order_by().values_list("held_by", flat=True).distinct()
        return self._leases.ended().union(holders)

    @repeatable
    def reclaim(
        self,
        queues: Sequence[str],
        token: str,
        *,
        if_silent: bool = False,
        died: bool = True,
    ) -> int:
        # End the lease first, so that the token reserves nothing afterwards.
        if not self._leases.end(token, only_if_ended=if_silent):
            return 0
        held = self._rows.filter(place=Place.HELD, held_by=token)
        # Do not take the write lock for no rows.
        if not held.exists():
            return 0
        reclaimed = held.update(
            place=Place.READY, held_by="", returned=Returned(token, died).text
        )
        self.wake(queues)
        return reclaimed

    def wait(self, queues: Sequence[str], timeout: float) -> None:
        with broker_errors(self._alias):
            self._listener.wait(
                self._alias,
                channel_of(queues),
                timeout,
                lambda seconds: self._due_in(queues, seconds),
            )

    def _due_in(self, queues: Sequence[str], seconds: float) -> timedelta | None:
        """
        Return how long it takes until a message is due, by the database's clock.

        Return None if none is due within `seconds`. Later messages are not searched,
        since the index is by time and not by queue.
        """
        delayed = self._rows.filter(
            place=Place.DELAYED,
            queue_name__in=queues,
            run_after__lte=DatabaseNow() + timedelta(seconds=seconds),
        )
        wait = ExpressionWrapper(
            F("run_after") - DatabaseNow(), output_field=DurationField()
        )
        soonest = delayed.order_by("run_after").annotate(wait=wait)
        return soonest.values_list("wait", flat=True).first()

    def interrupt(self) -> None:
        self._listener.interrupt()

    def rest(self) -> None:
        self._listener.rest()

    def wake(self, queues: Collection[str]) -> None:
        if self.config.options.notify:
            with broker_errors(self._alias):
                notify(self._alias, channel_of(queues))

    @property
    def address(self) -> str:
        return address_of(self._alias)

    @repeatable
    def check(self, queues: Sequence[str] = ()) -> list[str]:
        Lease.objects.using(self._alias).exists()
        return []

    def close(self) -> None:
        self._listener.close()

    @property
    def _alias(self) -> str:
        return results_database()

    @property
    def _rows(self) -> TaskResultQuerySet:
        rows = TaskResultQuerySet(TaskResult, using=self._alias)
        return rows.filter(backend=self.config.alias)
