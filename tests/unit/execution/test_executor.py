"""The executor, which runs the function of a task and sends its signals."""

import asyncio
import sys
from contextvars import copy_context

import pytest

from taskhub.compat import django_tasks as compat
from taskhub.execution import Executor, Preparer
from taskhub.messages import Delivery
from taskhub.models import Status
from taskhub.writer import Tally
from tests import tasks
from tests.factories import MessageFactory


@pytest.fixture
def execute():
    """Return a function that runs a task with 1 and 2 in this process."""
    config = compat.task_backends["default"].config
    preparer = Preparer(config, "worker-1")
    executor = Executor(config, lambda progress: None, Tally())

    def execute(task):
        message = MessageFactory(task_path=task.module_path)
        delivery = Delivery(
            id=str(message.id), queue_name=message.queue_name, message=message
        )
        run = preparer.prepare(delivery)
        if task.is_async:
            return asyncio.run(executor.arun(run))
        # Like a worker, run it in a copy of the context, which the run may change.
        return copy_context().run(executor.run, run)

    return execute


@pytest.mark.parametrize("task", [tasks.add, tasks.async_add], ids=["sync", "async"])
@pytest.mark.parametrize("name", ["task_started", "task_finished"])
def test_a_signal_receiver_that_exits_does_not_stop_the_task(
    execute, task, name, caplog
):
    heard = []

    def leave(**kwargs):
        heard.append(name)
        sys.exit(3)

    signal = getattr(compat, name)
    signal.connect(leave)
    try:
        ended = execute(task)
    finally:
        signal.disconnect(leave)

    assert heard == [name]
    assert ended.outcome.status == Status.SUCCESSFUL
    assert ended.outcome.return_value == 3
    assert f"A receiver of {task.module_path} raised" in caplog.text
