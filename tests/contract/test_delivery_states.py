"""
No outcome is lost, and none is written twice, in any sequence of deliveries and faults.

A state machine plays two workers, a steward and a sweep on a real broker and real rows.
Each step of a worker is a rule of its own. After each step a worker may die, freeze, or
lose its message to another worker.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from taskhub import outbox, producer
from taskhub.exceptions import LeaseLost
from taskhub.messages import Delivery, unseal
from taskhub.models import Status, TaskResult
from taskhub.models.results.slices import NewSlice
from taskhub.writer import Attempt, NotDue, Outcome, claim, write_outcomes
from taskhub.writer.groups import mark_running
from tests import tasks
from tests.benches import Bench, forget_all
from tests.factories import MessageFactory

QUEUE = "default"
QUEUES = ["default", "mail"]
WORKERS = st.integers(min_value=0, max_value=1)


class Holding:
    """One delivery of a worker: not started, then with an attempt, then written."""

    def __init__(self, delivery: Delivery, token: str) -> None:
        self.delivery = delivery
        self.token = token
        self.attempt: Attempt | None = None
        #: Whether the outcome was written or refused; only settling remains.
        self.is_written = False
        self.due_again: datetime | None = None


class DeliveryMachine(RuleBasedStateMachine):
    """Two workers, up to five results."""

    bench: Bench
    config: Any

    def __init__(self) -> None:
        super().__init__()
        self.broker = self.bench.broker
        self.serials = [0, 0]
        #: The deliveries in the memory of each worker.
        self.holdings: list[list[Holding]] = [[], []]
        #: Deliveries that a worker continues after it has lost its lease.
        self.zombies: list[Holding] = []
        self.finished: dict[Any, tuple[Any, ...]] = {}
        #: How often an outcome that finishes a result was written.
        self.endings: dict[Any, int] = {}
        #: Attempts whose row was claimed by a later attempt.
        self.overtaken: set[int] = set()
        self.join(0)
        self.join(1)

    # The workers.

    def token(self, worker: int) -> str:
        return f"worker-{worker}-{self.serials[worker]}"

    def join(self, worker: int) -> None:
        self.broker.join(QUEUES, self.token(worker))

    def replace(self, worker: int) -> None:
        """Replace a worker by one with a new token and an empty memory."""
        self.holdings[worker] = []
        self.serials[worker] += 1
        self.join(worker)

    # The producer.

    @rule(count=st.integers(min_value=1, max_value=2), pushed=st.booleans())
    def enqueue(self, count, pushed):
        if TaskResult.objects.count() >= 5:
            return
        rows = [
            producer.make_row(self.config, tasks.add, [1], {}) for _ in range(count)
        ]
        if self.broker.lives_in_rows:
            producer.submit(self.config, rows)
            return
        NewSlice.objects.bulk_create(rows)
        if pushed:
            outbox.push(self.config, rows, durable=True)

    # The steps of a worker.

    @rule(worker=WORKERS, limit=st.integers(min_value=1, max_value=3))
    def reserve(self, worker, limit):
        token = self.token(worker)
        try:
            deliveries = self.broker.reserve([QUEUE], limit=limit, token=token)
        except LeaseLost:
            # Its running tasks continue as zombies; a new worker replaces it.
            self.zombies += self.holdings[worker]
            self.replace(worker)
            return
        self.holdings[worker] += [Holding(each, token) for each in deliveries]

    def unstarted(self, worker: int) -> list[Holding]:
        return [
            each
            for each in self.holdings[worker]
            if each.attempt is None and not each.is_written
        ]

    @rule(worker=WORKERS)
    def release_unstarted(self, worker):
        waiting = self.unstarted(worker)
        if waiting:
            ids = [each.delivery.id for each in waiting]
            self.broker.release(QUEUE, ids, token=self.token(worker))
            self.drop(worker, waiting)

    def drop(self, worker: int, holdings: list[Holding]) -> None:
        self.holdings[worker] = [
            each for each in self.holdings[worker] if each not in holdings
        ]

    @rule(worker=WORKERS)
    def begin(self, worker):
        for holding in self.unstarted(worker)[:1]:
            self.begin_one(holding)

    @rule()
    def a_zombie_begins(self):
        for holding in self.zombies:
            if holding.attempt is None and not holding.is_written:
                self.begin_one(holding)
                return

    def begin_one(self, holding: Holding) -> None:
        delivery = holding.delivery
        message = delivery.message or unseal(
            delivery.body, self.config.signing_keys, max_bytes=1_000_000
        )
        if delivery.returned is None:
            holding.attempt = Attempt.first(message, holding.token)
            return
        found = claim(message, holding.token, delivery.returned)
        if isinstance(found, Attempt):
            holding.attempt = found
            self.overtake(found)
        else:
            holding.is_written = True
            if isinstance(found, NotDue):
                holding.due_again = datetime.now(UTC) + found.wait

    def overtake(self, by: Attempt) -> None:
        for each in [*self.holdings[0], *self.holdings[1], *self.zombies]:
            attempt = each.attempt
            if attempt and attempt is not by and attempt.message.id == by.message.id:
                self.overtaken.add(id(attempt))

    def running(self, holdings: list[Holding]) -> list[Holding]:
        return [each for each in holdings if each.attempt and not each.is_written]

    @rule(worker=WORKERS)
    def mark(self, worker):
        mark_running(each.attempt for each in self.running(self.holdings[worker]))

    @rule(
        worker=WORKERS,
        many=st.booleans(),
        kind=st.sampled_from([Status.SUCCESSFUL, Status.FAILED, Status.READY]),
    )
    def write(self, worker, many, kind):
        running = self.running(self.holdings[worker])
        self.write_some(running if many else running[:1], kind, alone=not many)

    @rule(
        kind=st.sampled_from([Status.SUCCESSFUL, Status.FAILED, Status.READY]),
        alone=st.booleans(),
    )
    def a_zombie_writes(self, kind, alone):
        self.write_some(self.running(self.zombies)[:1], kind, alone=alone)

    def write_some(self, holdings: list[Holding], kind: Status, *, alone: bool) -> None:
        for holding in holdings:
            attempt = holding.attempt
            assert attempt is not None
            now = datetime.now(UTC)
            retry = now + timedelta(minutes=5) if kind is Status.READY else None
            if kind is not Status.SUCCESSFUL:
                attempt.errors = [*attempt.errors, failure(attempt.number)]
            outcome = Outcome(
                attempt=attempt, status=kind, finished_at=now, retry_at=retry
            )
            group = [outcome] if alone else [outcome, outcome_of_a_deleted_row()]
            refused = write_outcomes(group, in_rows=self.broker.lives_in_rows)
            refused -= len(group) - 1
            holding.is_written, holding.due_again = True, retry
            if id(attempt) in self.overtaken:
                assert refused, "a zombie has written"
            elif not refused and retry is None:
                pk = attempt.message.id
                self.endings[pk] = self.endings.get(pk, 0) + 1

    @rule(worker=WORKERS)
    def settle(self, worker):
        """Acknowledge or postpone the messages whose outcome is written."""
        self.settle_some([each for each in self.holdings[worker] if each.is_written])

    @rule()
    def a_zombie_settles(self):
        self.settle_some([each for each in self.zombies if each.is_written])

    def settle_some(self, holdings: list[Holding]) -> None:
        for each in holdings:
            ids, token = [each.delivery.id], each.token
            if each.due_again is None:
                self.broker.acknowledge(QUEUE, ids, token=token)
            else:
                due = {each.delivery.id: each.due_again}
                self.broker.postpone(QUEUE, due, token=token, started=True)
        self.zombies = [each for each in self.zombies if each not in holdings]
        for worker in (0, 1):
            self.drop(worker, holdings)

    # Faults and repairs.

    @rule(worker=WORKERS)
    def die(self, worker):
        """Kill a process: its memory is lost, and its messages are reclaimed."""
        self.broker.reclaim(QUEUES, self.token(worker))
        self.replace(worker)

    @rule(worker=WORKERS)
    def leave(self, worker):
        """End a process while its tasks are still running."""
        self.release_unstarted(worker)
        self.broker.reclaim(QUEUES, self.token(worker), died=False)
        self.replace(worker)

    @rule(worker=WORKERS)
    def freeze(self, worker):
        """Stop a process until its lease has ended; then it continues as a zombie."""
        self.bench.end_lease(self.token(worker))
        self.bench.reclaim_silent()
        self.zombies += self.holdings[worker]
        self.replace(worker)

    @precondition(lambda self: not self.broker.lives_in_rows)
    @rule()
    def wipe(self):
        forget_all(self.bench.client, self.config)
        # The workers have lost their leases and hold no messages any more.
        for worker in (0, 1):
            self.zombies += self.holdings[worker]
            self.replace(worker)

    @precondition(lambda self: not self.broker.lives_in_rows)
    @rule(name=st.sampled_from(["messages", "ready", "delayed", "nodes", "held"]))
    def lose(self, name):
        """Evict a key; messages without a place may still run in their process."""
        held = [f"held:{self.token(worker)}" for worker in (0, 1)]
        for each in held if name == "held" else [name]:
            self.bench.client.delete(self.bench.key(QUEUE, each))

    @precondition(lambda self: not self.broker.lives_in_rows)
    @rule()
    def sweep(self):
        """Push the rows that the broker does not know, as the steward's sweep does."""
        unfinished = list(TaskResult.objects.unfinished())
        missing = self.broker.missing(QUEUE, [row.pk for row in unfinished])
        lost = [row for row in unfinished if row.pk in missing]
        if lost:
            outbox.push_again(self.config, lost)
        assert not self.broker.missing(QUEUE, [row.pk for row in unfinished])

    @rule()
    def let_time_pass(self):
        """Make all delayed messages due."""
        past = timezone.now() - timedelta(seconds=1)
        for row in TaskResult.objects.unfinished().filter(run_after__isnull=False):
            TaskResult.objects.filter(pk=row.pk).update(run_after=past)
            if not self.broker.lives_in_rows:
                self.bench.make_due(str(row.pk))

    def everything_ends(self) -> None:
        """Kill both workers; then a sweep and a new worker finish all results."""
        for worker in (0, 1):
            self.die(worker)
        if not self.broker.lives_in_rows:
            self.sweep()
        self.let_time_pass()
        for _ in range(20):
            self.reserve(0, 3)
            while self.unstarted(0):
                self.begin(0)
            self.write(0, many=True, kind=Status.SUCCESSFUL)
            self.settle(0)
            if not TaskResult.objects.unfinished().exists():
                return
        raise AssertionError([*TaskResult.objects.unfinished()])

    # Invariants.

    @invariant()
    def a_finished_row_never_changes(self):
        for row in TaskResult.objects.finished():
            state = (row.status, row.attempts, row.worker_ids, row.errors)
            assert self.finished.setdefault(row.pk, state) == state
        assert TaskResult.objects.finished().count() == len(self.finished)

    @invariant()
    def one_outcome_ends_a_result(self):
        assert all(count == 1 for count in self.endings.values())
        assert self.endings.keys() == self.finished.keys()

    @invariant()
    def attempts_match_worker_ids(self):
        for row in TaskResult.objects.all():
            assert row.attempts == len(row.worker_ids)
            told = [entry["attempt"] for entry in row.errors]
            assert len(told) == len(set(told))
            assert all(number <= row.attempts for number in told)

    @precondition(lambda self: self.broker.lives_in_rows)
    @invariant()
    def every_unfinished_row_has_a_place(self):
        assert not TaskResult.objects.unfinished().filter(place="").exists()

    def teardown(self) -> None:
        self.everything_ends()
        TaskResult.objects.all().delete()
        if not self.broker.lives_in_rows:
            forget_all(self.bench.client, self.config)


def outcome_of_a_deleted_row() -> Outcome:
    """An outcome that is always refused; with it, another outcome forms a group."""
    attempt = Attempt.first(MessageFactory(), "a neighbour")
    return Outcome(
        attempt=attempt, status=Status.SUCCESSFUL, finished_at=attempt.started_at
    )


def failure(attempt: int) -> dict[str, Any]:
    """The entry that an exception of a task leaves in its row."""
    return {
        "attempt": attempt,
        "failed_at": "2026-01-01T00:00:00+00:00",
        "exception_class_path": "builtins.ValueError",
        "message": "no",
        "traceback": "",
    }


@pytest.mark.django_db(transaction=True)
def test_no_outcome_is_lost_or_doubled(transactional_db, bench, config):
    machine = type("Machine", (DeliveryMachine,), {"bench": bench, "config": config})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
