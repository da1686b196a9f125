"""Messages that this code cannot run wait for a while, as in a rolling deploy."""

from datetime import UTC, datetime, timedelta

import pytest

from taskhub.execution import Preparer, waiting_for_code
from taskhub.messages import seal
from taskhub.models import Status
from taskhub.writer.thread.acknowledger import Acknowledger
from taskhub.writer.thread.holdings import Holdings
from tests.factories import EnvelopeFactory, TaskResultFactory
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

TOKEN = "worker-1"


@pytest.fixture
def enqueue(bench):
    """A function that enqueues a task that this code cannot run; returns the row."""

    def enqueue(task_path="tests.tasks.ad", **fields):
        row = TaskResultFactory(task_path=task_path, **fields)
        body = seal(row.to_message(), bench.broker.config.signing_keys[0])
        bench.put(EnvelopeFactory(id=row.id, run_after=row.run_after, body=body))
        return row

    bench.join(TOKEN)
    return enqueue


@pytest.fixture
def work(bench):
    """A function that processes waiting messages as a worker does; returns outcomes."""
    broker = bench.broker
    preparer = Preparer(broker.config, TOKEN)
    acknowledger = Acknowledger(broker, TOKEN, Holdings())

    def work():
        reserved = broker.reserve(["default"], limit=10, token=TOKEN)
        ended = [preparer.prepare(delivery) for delivery in reserved]
        acknowledger.add(each for each in ended if each.due_again)
        acknowledger.acknowledge()
        return [each.outcome for each in ended if each.outcome]

    return work


def test_an_unknown_task_fails_when_it_has_waited_long_enough(
    enqueue, work, monkeypatch
):
    """This holds for brokers that change the due time of a delayed message, too."""
    monkeypatch.setattr(waiting_for_code, "UNKNOWN_AGAIN", timedelta(0))
    monkeypatch.setattr(waiting_for_code, "UNKNOWN_FOR", timedelta(seconds=0.5))
    enqueue()
    outcomes = []

    wait_until(lambda: outcomes.extend(work()) or outcomes, "its end")

    assert [outcome.status for outcome in outcomes] == [Status.FAILED]


def test_an_unknown_task_that_was_enqueued_long_ago_fails_at_once(enqueue, work):
    enqueue(enqueued_at=datetime.now(UTC) - timedelta(hours=1))

    assert [outcome.status for outcome in work()] == [Status.FAILED]


def test_a_message_whose_arguments_do_not_fit_waits(enqueue, work, caplog):
    """During a rolling deploy, sites may have newer code than workers."""
    row = enqueue("tests.tasks.add", args=[1, 2], kwargs={"rounded": True})

    assert work() == []

    row.refresh_from_db()
    assert (row.status, row.attempts) == (Status.READY, 0)
    assert "unexpected keyword argument 'rounded'" in caplog.text


def test_arguments_that_still_do_not_fit_later_cause_one_failed_attempt(enqueue, work):
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    enqueue("tests.tasks.add", args=[], enqueued_at=long_ago)

    [outcome] = work()

    assert outcome.status == Status.FAILED
    [error] = outcome.attempt.errors
    assert error["exception_class_path"] == "taskhub.exceptions.InvalidArguments"
    assert "missing a required argument" in error["message"]


def test_a_message_that_expires_while_it_waits_is_cancelled(enqueue, work):
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    times = {"enqueued_at": long_ago, "expires_at": long_ago + timedelta(minutes=1)}
    enqueue("tests.tasks.add", args=[], **times)

    assert [outcome.status for outcome in work()] == [Status.CANCELLED]


def test_the_warning_about_an_unknown_task_is_logged_once(enqueue, work, caplog):
    enqueue()
    enqueue()

    assert work() == []

    assert caplog.text.count("'tests.tasks.ad' is not registered here") == 1
