"""Messages that this code cannot run: new code may be on its way, for a while."""

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
    """A function that enqueues what this code cannot run; gives its row."""

    def enqueue(task_path="tests.tasks.ad", **fields):
        row = TaskResultFactory(task_path=task_path, **fields)
        body = seal(row.to_message(), bench.broker.config.signing_keys[0])
        bench.put(EnvelopeFactory(id=row.id, run_after=row.run_after, body=body))
        return row

    bench.join(TOKEN)
    return enqueue


@pytest.fixture
def work(bench):
    """A function that does what a worker does with what is there; gives outcomes."""
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


def test_it_is_given_up_in_the_end(enqueue, work, monkeypatch):
    """Whatever the broker makes of when it was due."""
    monkeypatch.setattr(waiting_for_code, "UNKNOWN_AGAIN", timedelta(0))
    monkeypatch.setattr(waiting_for_code, "UNKNOWN_FOR", timedelta(seconds=0.5))
    enqueue()
    outcomes = []

    wait_until(lambda: outcomes.extend(work()) or outcomes, "its end")

    assert [outcome.status for outcome in outcomes] == [Status.FAILED]


def test_one_that_was_enqueued_long_ago_is_given_up_at_once(enqueue, work):
    enqueue(enqueued_at=datetime.now(UTC) - timedelta(hours=1))

    assert [outcome.status for outcome in work()] == [Status.FAILED]


def test_arguments_that_do_not_fit_yet_wait_as_well(enqueue, work, caplog):
    """The sites of a deploy may be newer than its workers."""
    row = enqueue("tests.tasks.add", args=[1, 2], kwargs={"rounded": True})

    assert work() == []

    row.refresh_from_db()
    assert (row.status, row.attempts) == (Status.READY, 0)
    assert "unexpected keyword argument 'rounded'" in caplog.text


def test_arguments_that_never_fit_fail_in_one_attempt(enqueue, work):
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    enqueue("tests.tasks.add", args=[], enqueued_at=long_ago)

    [outcome] = work()

    assert outcome.status == Status.FAILED
    [error] = outcome.attempt.errors
    assert error["exception_class_path"] == "taskhub.exceptions.InvalidArguments"
    assert "missing a required argument" in error["message"]


def test_what_expires_while_it_waits_is_cancelled(enqueue, work):
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    times = {"enqueued_at": long_ago, "expires_at": long_ago + timedelta(minutes=1)}
    enqueue("tests.tasks.add", args=[], **times)

    assert [outcome.status for outcome in work()] == [Status.CANCELLED]


def test_it_is_said_once(enqueue, work, caplog):
    enqueue()
    enqueue()

    assert work() == []

    assert caplog.text.count("'tests.tasks.ad' is not registered here") == 1
