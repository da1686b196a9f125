"""Messages that workers refuse: their results wait for a while, and then fail."""

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
    """Create a READY result, and push its message, signed with the key."""
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
    """Give the lease of the sweep to another node, so that no node of a test sweeps."""
    is_taken = take_lease(
        f"sweep {config.alias}", "another node", seconds=3600, using=results_database()
    )
    assert is_taken


def test_a_message_that_is_refused_again_is_delayed_and_then_fails(
    config, drain, bench
):
    """It is too large for these workers, so another push by the sweep does not help."""
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


def test_a_worker_with_the_right_key_runs_a_refused_message(config, drain, bench):
    row = waiting_row(derive_key("another"))
    drain()
    push(row, seal(row.to_message(), derive_key("another")))
    drain()
    bench.make_due(str(row.pk))

    drain(SECRET_KEY_FALLBACKS="another")

    row.refresh_from_db()
    assert row.status == Status.SUCCESSFUL


def test_forged_messages_never_make_a_result_fail(config, drain):
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
