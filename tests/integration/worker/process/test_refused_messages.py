"""Messages that a worker refuses while their results wait: never lost, nor for ever."""

from datetime import timedelta

import pytest

from taskhub.brokers import get_broker
from taskhub.messages import Depth, Envelope, derive_key, seal
from taskhub.models import QuarantinedMessage, Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.named_leases import take_lease
from tests import tasks
from tests.benches import make_bench
from tests.factories import MessageFactory, TaskResultFactory, now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@pytest.fixture
def config(configure, redis_url):
    return configure(broker_url=redis_url)


@pytest.fixture
def bench(config):
    bench = make_bench(get_broker(config))
    yield bench
    bench.close()


def waiting_row(key) -> TaskResult:
    """A result that waits, and its message, signed with a key."""
    row = TaskResultFactory(task_path="tests.tasks.add", args=[1])
    push(row, seal(row.to_message(), key))
    return row


def push(row, body):
    tasks_broker = get_broker(tasks.add.get_backend().config)
    tasks_broker.push([Envelope(row.id, "default", 0, None, body)])


def let_minutes_pass() -> None:
    past = now() - timedelta(minutes=11)
    QuarantinedMessage.objects.update(quarantined_at=past)


def keep_sweep_away(config) -> None:
    """Give another node the turn to sweep, so that the nodes of a test do not."""
    is_taken = take_lease(
        f"sweep {config.alias}", "another node", seconds=3600, using=results_database()
    )
    assert is_taken


def test_what_is_refused_again_waits_for_other_workers_and_then_fails(
    config, drain, bench
):
    """Too large for these workers: the sweep of their nodes is no remedy."""
    row = TaskResultFactory(task_path="tests.tasks.add", args=["x" * 2_000_000])
    body = seal(row.to_message(), config.signing_keys[0])
    push(row, body)
    drain()
    for _ in range(2):
        push(row, body)
        drain()
        assert get_broker(config).depth("default") == Depth(delayed=1)
        bench.make_due(str(row.pk))

    row.refresh_from_db()
    assert (row.status, row.attempts) == (Status.READY, 0)
    assert "bytes; at most" in QuarantinedMessage.objects.get().reason

    let_minutes_pass()
    drain()

    row.refresh_from_db()
    assert row.status == Status.FAILED
    assert row.errors[0]["exception_class_path"] == "taskhub.exceptions.BadMessage"
    assert "bytes; at most" in row.errors[0]["message"]
    assert QuarantinedMessage.objects.count() == 1
    assert get_broker(config).depth("default") == Depth()


def test_a_worker_with_another_key_takes_what_was_put_off(config, drain, bench):
    row = waiting_row(derive_key("another"))
    drain()
    push(row, seal(row.to_message(), derive_key("another")))
    drain()
    bench.make_due(str(row.pk))

    drain(SECRET_KEY_FALLBACKS="another")

    row.refresh_from_db()
    assert row.status == Status.SUCCESSFUL


def test_forged_bytes_never_have_a_result_fail(config, drain):
    # A sweep would push the row's own message, and the task would run.
    keep_sweep_away(config)
    row = TaskResultFactory(task_path="tests.tasks.add", args=[1])
    forged = MessageFactory(id=row.id, task_path="tests.tasks.add", args=[2])
    for _ in range(2):
        push(row, seal(forged, derive_key("another")))
        drain()
        let_minutes_pass()

    row.refresh_from_db()
    assert row.status == Status.READY
    assert QuarantinedMessage.objects.count() == 1


def test_a_message_of_another_backend_is_not_run(config, drain):
    message = MessageFactory(backend="other", args=[1])
    get_broker(config).push(
        [
            Envelope(
                message.id, "default", 0, None, seal(message, config.signing_keys[0])
            )
        ]
    )

    drain()

    reason = QuarantinedMessage.objects.get().reason
    assert reason == "It is for the backend 'other', but came to 'default'."
    assert not TaskResult.objects.exists()
