"""Tasks that run in the process of a test."""

import asyncio
import logging
import sys
import time
from datetime import timedelta

from django.db import IntegrityError, OperationalError, transaction

from taskhub import Context, operations, task
from taskhub.exceptions import TaskTimeout
from taskhub.foundation.current import current_result
from taskhub.models import TaskResult
from taskhub.retries import fixed
from taskhub.tasks import Result
from taskhub.testing import TaskHub
from tests import tasks
from tests.models import Trace

logger = logging.getLogger(__name__)


@task
def trace_and_fail(label):
    """Leave a trace, and fail outside of a transaction."""
    tasks.leave_trace(label)
    raise ValueError(label)


@task
def break_a_constraint():
    Trace.objects.create(pk=1, label="first", pid=1)
    with transaction.atomic():
        tasks.leave_trace("in a block")
        raise IntegrityError("broken")


@task
def fail_a_statement():
    """Execute a statement that fails, outside of any block of the task's own."""
    Trace.objects.create(pk=1, label="first", pid=1)
    Trace.objects.create(pk=1, label="second", pid=1)


@task
def raise_this(kind):
    raise {
        "KeyboardInterrupt": KeyboardInterrupt,
        "SystemExit": SystemExit,
        "TaskTimeout": TaskTimeout,
        "CancelledError": asyncio.CancelledError,
        "OperationalError": OperationalError,
    }[kind](kind)


@task
async def exit_on_event_loop():
    await asyncio.sleep(0)
    sys.exit(3)


@task
def log(text):
    logger.warning(text)


@task(takes_context=True)
def report_progress(context: Context):
    context.progress(3, 10, "three of ten")


@task(takes_context=True)
async def areport_progress(context: Context):
    context.progress(3, 10, "three of ten")


@task(takes_context=True)
def tell_context(context: Context):
    row = context.task_result.row
    return {
        "attempt": context.attempt,
        "meta": row.meta,
        "current": str(current_result.get()),
    }


@task
def cancel_itself():
    operations.results.cancel(TaskResult.objects.filter(pk=current_result.get()))
    return "refused"


@task
def give_itself_to_another():
    """Let another worker own the row, as if this one had been frozen."""
    TaskResult.objects.filter(pk=current_result.get()).update(
        status="RUNNING", attempts=2, worker_ids=["frozen", "other"]
    )
    return "refused"


@task
def enqueue_itself():
    enqueue_itself.enqueue()


@task
def run_everything():
    """Run what is due from within a task, as code under test may do."""
    return len(TaskHub().run())


@task(priority=5)
def enqueue_child(label):
    tasks.trace.enqueue(label)


@task(atomic=True)
def enqueue_child_atomically(label):
    tasks.trace.enqueue(label)
    tasks.leave_trace("parent ended")


@task(takes_context=True)
def tell_own_progress(context: Context):
    context.progress(3, 10)
    return context.task_result.row.progress["done"]


@task
def enqueue_and_wait():
    child: Result[int] = tasks.add.enqueue(1, b=2)
    return child.get(timeout=0)


@task
async def aenqueue_and_wait():
    child = await tasks.async_add.aenqueue(1, b=2)
    return await child.aget(timeout=0)


@task
def count_down(number):
    """Enqueue itself until it reaches zero."""
    tasks.leave_trace(str(number))
    if number:
        count_down.enqueue(number - 1)


@task(max_attempts=3, backoff=fixed(hours=1))
def fail_twice(label):
    tasks.leave_trace(label)
    if tasks.count_traces(label) <= 2:
        raise ConnectionError(label)
    return tasks.count_traces(label)


@task(expires_after=timedelta(hours=1))
def expire():
    tasks.leave_trace("ran")


@task(expires_after=timedelta(hours=1), max_attempts=2, backoff=fixed(hours=2))
def fail_before_expiry():
    raise ValueError("too late for a retry")


@task(timeout=0.05)
def sleep_for_a_minute():
    time.sleep(60)


@task(timeout=0.05)
async def async_sleep_for_a_minute():
    await asyncio.sleep(60)


@task(timeout=0.3)
def enqueue_and_sleep():
    tasks.add.enqueue(1)
    time.sleep(60)


@task
def sleep(seconds):
    time.sleep(seconds)


@task(timeout=0.3)
def enqueue_for_longer_than_the_timeout():
    sleep.enqueue(0.6)
    tasks.leave_trace("after the timeout")


@task(takes_context=True)
def tell_tick(context: Context):
    return context.tick_at.isoformat()


@task
def with_options(options, queue_name="", times=0): ...
