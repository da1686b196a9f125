"""`OPTIONS["run"] = "immediately"`: tasks run in the process that enqueues them."""

import pytest
from django.db import transaction
from django.test import TestCase

from taskhub.models import Status, TaskResult
from tests import tasks

in_test_case = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def config(configure, broker_url):
    return configure(run="immediately", broker_url=broker_url)


def status():
    return TaskResult.objects.get().status


@pytest.mark.parametrize(
    "mode", [pytest.param(1, marks=in_test_case), pytest.param(2, marks=committing)]
)
def test_a_result_can_be_read_right_after_enqueueing(mode):
    assert tasks.add.enqueue(1, b=2).get(timeout=0) == 3


@committing
def test_a_task_runs_at_the_commit_of_its_transaction():
    with transaction.atomic():
        tasks.add.enqueue(1)
        assert status() == Status.READY

    assert status() == Status.SUCCESSFUL


@committing
def test_a_task_is_not_run_after_a_rollback():
    with transaction.atomic():
        tasks.trace.enqueue("never")
        transaction.set_rollback(True)

    assert tasks.count_traces("never") == 0
    assert not TaskResult.objects.exists()


@in_test_case
def test_in_a_test_case_the_end_of_the_outermost_block_is_the_commit():
    with transaction.atomic():
        with transaction.atomic():
            tasks.add.enqueue(1)
        assert status() == Status.READY

    assert status() == Status.SUCCESSFUL


@in_test_case
def test_in_a_test_case_a_task_is_not_run_after_a_rollback():
    with transaction.atomic():
        tasks.trace.enqueue("never")
        transaction.set_rollback(True)
    with transaction.atomic():
        pass

    assert tasks.count_traces("never") == 0


@in_test_case
def test_captured_callbacks_do_not_run_a_task_twice():
    with TestCase.captureOnCommitCallbacks(execute=True), transaction.atomic():
        tasks.trace.enqueue("once")

    assert tasks.count_traces("once") == 1
