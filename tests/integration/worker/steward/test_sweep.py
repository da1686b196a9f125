"""The sweep pushes rows that the broker does not know, and none runs twice."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import redis
from django.utils import timezone

from taskhub.brokers import get_broker
from taskhub.models import Node as NodeRow
from taskhub.models import Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.ids import first_id_at
from taskhub.models.named_leases import take_lease
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.steward import sweeper
from taskhub.worker.steward.sweeper import Sweeper
from tests import tasks
from tests.benches import forget_all
from tests.factories import TaskResultFactory, now, small_node
from tests.models import Trace
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def config(configure, redis_url):
    """Redis only: the database broker has no rows to sweep."""
    return configure(broker_url=redis_url)


@pytest.fixture
def node(config) -> NodeOptions:
    return small_node(config)


@pytest.fixture
def sweep(node) -> Callable[[], None]:
    """A function that makes one sweeper look for lost rows, each time it is called."""
    return Sweeper(node).look


@pytest.fixture
def client(config) -> redis.Redis:
    return redis.Redis.from_url(config.options.broker_url)


def old(**fields: object) -> TaskResult:
    """A row that is too old for the young pass."""
    enqueued = now() - timedelta(hours=1)
    first = first_id_at(enqueued)
    pk = UUID(int=first.int + TaskResult.objects.count())
    return TaskResultFactory(id=pk, enqueued_at=enqueued, **fields)


def depth(config) -> int:
    depth = get_broker(config).depth("default")
    return depth.ready + depth.delayed


def test_a_row_that_was_never_pushed_is_pushed(config, sweep):
    row = old()

    sweep()

    (delivery,) = reserve(config)
    assert delivery.id == str(row.pk)
    assert delivery.redelivered
    assert not delivery.has_killed


def reserve(config):
    broker = get_broker(config)
    broker.join(["default"], "a-token")
    return broker.reserve(["default"], limit=100, token="a-token")


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(seconds=30)])
def test_a_row_of_a_host_whose_clock_is_ahead_is_pushed(config, sweep, ahead):
    TaskResultFactory(id=first_id_at(now() + ahead), enqueued_at=now() + ahead)

    sweep()

    assert depth(config) == 1


def test_a_row_is_pushed_only_after_a_minimum_age(config, sweep, monkeypatch):
    TaskResultFactory()
    sweep()
    assert depth(config) == 0

    monkeypatch.setattr(sweeper, "_MIN_AGE", timedelta(0))
    sweep()

    assert depth(config) == 1


def test_messages_that_the_broker_knows_are_not_pushed_again(config, sweep):
    tasks.add.enqueue(1)
    tasks.add.using(run_after=timedelta(hours=1)).enqueue(1)
    reserve(config)
    before = get_broker(config).depth("default")

    for _ in range(3):
        sweep()

    assert get_broker(config).depth("default") == before


def test_a_delayed_row_stays_delayed(config, sweep):
    old(run_after=timezone.now() + timedelta(hours=1))

    sweep()

    assert get_broker(config).depth("default").delayed == 1


def test_finished_results_are_not_pushed(config, sweep):
    old(successful=True)
    old(failed=True)

    sweep()

    assert depth(config) == 0


def test_a_running_result_is_pushed_only_if_its_process_is_gone(config, node, sweep):
    old(running=True, worker_ids=["alive"])
    NodeRow.objects.create(
        name="other",
        backend="default",
        host="h",
        pid=1,
        processes=1,
        threads=1,
        async_tasks=1,
        version="1",
        workers=[{"token": "alive", "pid": 2, "memory_mib": 3}],
        started_at=now(),
        last_seen_at=now(),
    )

    sweep()
    assert depth(config) == 0

    NodeRow.objects.update(last_seen_at=now() - timedelta(minutes=5))
    Sweeper(node).look()
    (delivery,) = reserve(config)
    assert delivery.has_killed
    assert delivery.returned.holder == "alive"


def test_a_result_that_has_just_started_is_not_pushed(config, sweep):
    row = old(running=True)
    TaskResult.objects.filter(pk=row.pk).update(last_attempted_at=now())

    sweep()

    assert depth(config) == 0


def test_only_one_node_sweeps(config, sweep):
    alias = results_database()
    assert take_lease("sweep default", "somebody else", seconds=60, using=alias)
    old()

    sweep()

    assert depth(config) == 0


def test_each_look_checks_a_limited_number_of_rows(config, sweep, monkeypatch):
    monkeypatch.setattr(sweeper, "_MAX_SLOW_ROWS_PER_LOOK", 2)
    for _ in range(5):
        old()

    counts = []
    for _ in range(4):
        sweep()
        counts.append(depth(config))

    assert counts == [2, 4, 5, 5]


def test_a_broker_that_was_emptied_is_filled_again_in_one_look(
    config, sweep, client, monkeypatch, caplog
):
    monkeypatch.setattr(sweeper, "_MAX_SLOW_ROWS_PER_LOOK", 1)
    rows = [old() for _ in range(6)]
    for _ in range(7):
        sweep()
    assert depth(config) == 6

    forget_all(client, config)
    sweep()

    assert depth(config) == 6
    assert "may have lost messages" in caplog.text
    assert {delivery.id for delivery in reserve(config)} == {
        str(row.pk) for row in rows
    }


# With real worker processes.


def test_results_that_were_never_pushed_are_run(start_node, config, monkeypatch):
    monkeypatch.setattr("taskhub.outbox._push_or_leave", lambda config, rows: None)
    results = tasks.trace.enqueue_many([("a",), ("b",)])
    start_node("--processes=1")

    for result in results:
        result.get(timeout=60)

    assert sorted(Trace.objects.values_list("label", flat=True)) == ["a", "b"]
    assert all(result.row.attempts == 1 for result in results)


def test_emptying_the_broker_loses_no_result_and_runs_none_twice(
    start_node, config, client, gate
):
    running = tasks.wait_for_gate.enqueue("long", gate.path)
    node = start_node("--processes=2")
    wait_until(lambda: running.row.status == Status.RUNNING, "the long task")
    waiting = tasks.trace.enqueue_many([(f"task {number}",) for number in range(20)])

    forget_all(client, config)

    for result in waiting:
        result.get(timeout=60)
    gate.open()
    running.get(timeout=60)
    labels = list(Trace.objects.values_list("label", flat=True))
    assert len(labels) == len(set(labels)) == 22
    assert running.row.attempts == 1
    assert node.stop() == 0
    assert not NodeRow.objects.exists()


def test_a_running_result_is_run_again_if_node_and_broker_data_are_lost(
    start_node, config, client, gate
):
    result = tasks.wait_for_gate.enqueue("a", gate.path)
    dead = start_node("--processes=1", TASKHUB_LEASE_SECONDS="1")
    wait_until(lambda: result.row.status == Status.RUNNING, "it to run")
    dead.kill()
    forget_all(client, config)
    # Pretend that five minutes have passed.
    past = now() - timedelta(minutes=5)
    NodeRow.objects.update(last_seen_at=past)
    TaskResult.objects.update(last_attempted_at=past)
    gate.open()

    start_node("--processes=1", TASKHUB_LEASE_SECONDS="1")

    assert result.get(timeout=60) == "a"
    assert result.row.attempts == 2
    assert [error["attempt"] for error in result.row.errors] == [1]
