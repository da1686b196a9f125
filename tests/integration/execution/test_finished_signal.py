"""Django's `task_finished` is sent once for each result, however it ends."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub import operations
from taskhub.compat import django_tasks as compat
from taskhub.execution import Preparer
from taskhub.messages import Delivery
from taskhub.models import Status, TaskResult
from taskhub.operations.results.lifecycle import push_rows
from tests import tasks
from tests.factories import MessageFactory, TaskResultFactory
from tests.models import Trace
from tests.nodes import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.any_broker,
]


def ends_of(pk):
    return [each for each in Trace.labels() if each.startswith(f"finished {pk}")]


def test_a_worker_sends_the_signal_for_results_that_it_gives_up(
    config, drain, start_node
):
    died = tasks.kill_process.enqueue()
    expired = tasks.add.using(expires_after=timedelta(microseconds=1)).enqueue(1)
    done = tasks.add.enqueue(1)
    old = timezone.now() - timedelta(days=1)
    unknown = TaskResultFactory(
        task_path="gone.tasks.send", enqueued_at=old, place="ready"
    )
    push_rows([unknown])

    node = start_node("--processes=1", NOTE_ENDS="yes", TASKHUB_MAX_REDELIVERIES="0")
    pks = [died.id, expired.id, done.id, str(unknown.pk)]
    rows = TaskResult.objects.filter(pk__in=pks)
    wait_until(lambda: not rows.unfinished().exists(), "their ends")
    assert node.stop() == 0

    assert ends_of(done.id) == [f"finished {done.id} SUCCESSFUL"]
    for pk in (died.id, expired.id, unknown.pk):
        assert ends_of(pk) == [f"finished {pk} FAILED"]
    assert expired.row.status == Status.CANCELLED
    # Expiry is not logged as an error, so Django sends no mail about it.
    lines = {pk: line_about(node.log, pk) for pk in pks}
    assert " ERROR " in lines[died.id]
    assert " ERROR " in lines[str(unknown.pk)]
    assert " INFO " in lines[expired.id]


def test_a_result_that_is_given_up_is_logged_on_sites_that_log_errors_only(
    config, caplog
):
    caplog.set_level(logging.ERROR, logger=compat.LOGGER_NAME)
    message = MessageFactory(
        task_path="gone.tasks.send", enqueued_at=timezone.now() - timedelta(days=1)
    )
    delivery = Delivery(
        id=str(message.id), queue_name=message.queue_name, message=message
    )

    Preparer(config, "worker-1").prepare(delivery)

    (record,) = caplog.records
    assert f"id={message.id}" in record.getMessage()
    assert record.levelno == logging.ERROR


def line_about(log, pk):
    (line,) = [
        each
        for each in log.splitlines()
        if f"id={pk}" in each and ("state=FAILED" in each or "state=SUCC" in each)
    ]
    return line


def test_the_process_that_cancels_a_result_sends_the_signal(config, caplog):
    caplog.set_level(logging.INFO)
    heard = []

    def hear(sender, task_result, **kwargs):
        task = task_result.task
        heard.append(
            (task_result.id, task_result.status, task.module_path, task.expires_after)
        )

    hour = timedelta(hours=1)
    waiting = tasks.add.using(expires_after=hour).enqueue(1)
    due = timezone.now() + hour
    unknown = TaskResultFactory(
        task_path="gone.tasks.send", run_after=due, expires_at=due + hour
    )
    compat.task_finished.connect(hear)
    try:
        operations.results.cancel(TaskResult.objects.all())
        operations.results.cancel(TaskResult.objects.all())
    finally:
        compat.task_finished.disconnect(hear)

    failed = compat.TaskResultStatus.FAILED
    assert sorted(heard) == sorted(
        [
            (waiting.id, failed, "tests.tasks.add", hour),
            (str(unknown.pk), failed, "gone.tasks.send", hour),
        ]
    )
    told = [each for each in caplog.records if "state=FAILED" in each.getMessage()]
    assert {each.levelname for each in told} <= {"INFO"}


def test_the_signal_is_sent_once_for_a_cancelled_running_result(config, start_node):
    node = start_node("--processes=1", "--threads=2", NOTE_ENDS="yes")
    results = [
        tasks.run_until_cancelled.enqueue("sync"),
        tasks.async_run_until_cancelled.enqueue("async"),
    ]
    wait_until(lambda: Trace.objects.count() == 2, "the tasks")
    compat.task_finished.connect(_note)
    try:
        operations.results.cancel(TaskResult.objects.all())
    finally:
        compat.task_finished.disconnect(_note)
    wait_until(
        lambda: Trace.objects.filter(label__endswith="saw it").count() == 2, "it"
    )
    assert node.stop() == 0

    for each in results:
        assert ends_of(each.id) == [f"finished {each.id} FAILED"]


def _note(task_result, **kwargs):
    tasks.leave_trace(f"finished {task_result.id} {task_result.status}")
