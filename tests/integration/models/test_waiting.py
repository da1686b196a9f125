"""Waiting for results by `get` and `aget`."""

import asyncio
import time

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction

from taskhub.exceptions import ResultTimeout
from taskhub.models import Status, TaskResult
from tests import tasks
from tests.factories import TaskResultFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


def test_get_returns_when_a_worker_has_finished_the_result(start_node):
    node = start_node("--processes=1")
    result = tasks.add.enqueue(1, b=2)

    assert result.get(timeout=30) == 3
    assert TaskResult.objects.get().get() == 3
    assert node.stop() == 0


def test_waiting_needs_few_queries(config, django_assert_max_num_queries):
    result = tasks.add.enqueue(1)

    with (
        django_assert_max_num_queries(30),
        pytest.raises(TimeoutError, match=r"not finished after 1 s\.$"),
    ):
        result.get(timeout=1)


def test_a_timeout_inside_a_transaction_mentions_the_commit(config):
    with (
        transaction.atomic(),
        pytest.raises(TimeoutError, match="starts only after its commit"),
    ):
        tasks.add.enqueue(1).get(timeout=0.01)


def test_get_without_time_returns_only_finished_results(config):
    row = TaskResultFactory(successful=True)
    result = tasks.add.get_result(str(row.id))

    assert result.get(timeout=0) == 3

    unfinished = tasks.add.enqueue(1)
    with pytest.raises(ResultTimeout):
        unfinished.get(timeout=0)


def test_aget_without_time_returns_a_finished_result(config):
    row = TaskResultFactory(successful=True)
    result = tasks.add.get_result(str(row.id))

    async def main():
        value = await result.aget(timeout=0)
        # Close the connections of the thread that ran the queries.
        await sync_to_async(connections.close_all)()
        return value

    assert asyncio.run(main()) == 3


def test_get_sees_a_result_that_finishes_during_the_last_pause(config, monkeypatch):
    result = tasks.add.enqueue(1)
    sleep = time.sleep

    def finish_meanwhile(seconds):
        sleep(seconds)
        TaskResult.objects.update(status=Status.SUCCESSFUL, return_value="just in time")

    monkeypatch.setattr(time, "sleep", finish_meanwhile)

    assert result.get(timeout=0.001) == "just in time"


@pytest.mark.any_broker
def test_waiting_inside_a_task_logs_a_warning(start_node):
    """The waiting task occupies the only process that could run the other task."""
    waiting = tasks.wait_for_another.enqueue(timeout=1)

    node = start_node("--drain", "--processes=1")

    assert node.wait() == 0, node.log
    (error,) = waiting.row.errors
    assert error["exception_class_path"] == "taskhub.exceptions.ResultTimeout"
    assert "The caller waited inside a running task" in error["message"]
    other = TaskResult.objects.get(parent_id=waiting.id)
    assert other.get(timeout=0) == 3
    (line,) = [each for each in node.log.splitlines() if "waits for result" in each]
    assert f"The run {waiting.id} waits for result {other.pk}" in line
    assert "Enqueue the next task at the end of this one" in line
