"""Deleting results with `operations.results.delete()`."""

from datetime import timedelta

import pytest

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.exceptions import BrokerError
from taskhub.messages import Depth
from taskhub.models import TaskResult
from taskhub.operations.results import Deleted
from tests import tasks
from tests.factories import TaskResultFactory
from tests.models import Trace
from tests.servers import free_port

pytestmark = pytest.mark.django_db(transaction=True)


def test_waiting_results_that_are_deleted_are_never_run(config, drain):
    ready = tasks.trace.enqueue("ready")
    delayed = tasks.trace.using(run_after=timedelta(days=1)).enqueue("delayed")
    kept = tasks.trace.enqueue("kept")

    rows = TaskResult.objects.filter(pk__in=[ready.id, delayed.id])
    assert operations.results.delete(rows) == Deleted(deleted=2, cancelled=2)

    assert get_broker(config).depth("default") == Depth(ready=1)
    drain()
    assert [trace.label for trace in Trace.objects.all()] == ["kept"]
    assert kept.row.is_finished
    assert TaskResult.objects.count() == 1


def test_deleting_returns_how_many_results_are_still_running(config):
    TaskResultFactory(running=True)
    TaskResultFactory(successful=True)

    assert operations.results.delete(TaskResult.objects.all()) == Deleted(
        deleted=2, running=1
    )


def test_more_than_one_batch_in_several_queues_is_deleted(config):
    tasks.add.enqueue_many([(number,) for number in range(700)])
    tasks.send.enqueue_many([(f"{number}",) for number in range(20)])

    deleted = operations.results.delete(
        TaskResult.objects.filter(task_path__contains=".")
    )

    assert deleted == Deleted(deleted=720, cancelled=720)
    assert get_broker(config).depth("mail") == Depth()


def test_waiting_results_are_not_deleted_while_the_broker_is_away(configure):
    configure(broker_url=f"redis://127.0.0.1:{free_port()}/0")
    TaskResultFactory()

    with pytest.raises(BrokerError):
        operations.results.delete(TaskResult.objects.all())

    assert TaskResult.objects.count() == 1


def test_results_of_a_removed_backend_can_be_deleted(config):
    TaskResultFactory(backend="removed")

    assert operations.results.delete(TaskResult.objects.all()).deleted == 1
