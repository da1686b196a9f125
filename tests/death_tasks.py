"""Tasks that must not be run twice without a decision, and that die or stall."""

import os
import signal
from contextlib import suppress

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection

from taskhub import Context, task
from tests.models import Trace
from tests.tasks import leave_trace, wait_for_file


def _die_the_first_time(label):
    leave_trace(label)
    if Trace.objects.filter(label=label).count() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return label


@task(on_worker_death="fail")
def charge_or_fail(label):
    """Leave a trace, and kill the process the first time."""
    return _die_the_first_time(label)


@task(on_worker_death="hold", keep="none")
def charge_or_hold(label):
    """See charge_or_fail()."""
    return _die_the_first_time(label)


@task(on_worker_death="hold")
async def acharge_or_hold(label):
    """See charge_or_fail()."""
    return await sync_to_async(_die_the_first_time)(label)


@task(on_worker_death="hold", durable=False)
def charge_without_row(label):
    """See charge_or_fail()."""
    return _die_the_first_time(label)


@task(on_worker_death="hold")
def charge(label):
    """Leave a trace."""
    leave_trace(label)
    return label


@task(on_worker_death="hold")
def charge_slowly(label, gate):
    """Leave a trace, and wait for the gate."""
    leave_trace(label)
    wait_for_file(gate)


@task(on_worker_death="hold", max_attempts=2)
def charge_and_lose_the_database(label):
    """Leave a trace, and lose the connection."""
    leave_trace(label)
    if connection.vendor == "sqlite":
        connection.connection.close()
    else:
        end = "SELECT pg_terminate_backend(pg_backend_pid())"
        if connection.vendor == "mysql":
            end = "KILL CONNECTION_ID()"
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute(end)
    Trace.objects.count()


@task(max_redeliveries=0)
def die_once():
    """Kill the process."""
    leave_trace("died")
    os.kill(os.getpid(), signal.SIGKILL)


@task(max_redeliveries=3)
def die_often():
    """See die_once()."""
    leave_trace("died")
    os.kill(os.getpid(), signal.SIGKILL)


@task(stall_after=0.2, takes_context=True)
def report_and_stall(context: Context, gate):
    """Report progress once, and wait for the gate."""
    leave_trace("reported")
    context.progress(1, 2)
    wait_for_file(gate)
