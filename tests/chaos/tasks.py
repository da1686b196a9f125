"""
Tasks that run during faults.

Every task but `echo` first writes a trace into a separate table. Every task returns its
label. A result with its label has run, and a label with two traces has run twice.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import time

from django.db import DatabaseError, connection

from taskhub import Context, task
from taskhub.retries import fixed
from tests.models import Trace
from tests.tasks import leave_trace, wait_for_file

#: Options of tasks that need the database: they are retried until it is available.
PATIENT = {
    "max_attempts": 1_000,
    "backoff": fixed(seconds=0.5),
    "retry_on": DatabaseError,
}


@task(**PATIENT)
def short(label):
    leave_trace(label)
    return label


@task(**PATIENT)
def slow(label, seconds):
    leave_trace(label)
    time.sleep(seconds)
    return label


@task(**PATIENT)
async def waiting(label, seconds):
    await Trace.objects.acreate(label=label, pid=os.getpid())
    await asyncio.sleep(seconds)
    return label


@task
def once(label):
    """A task with one attempt."""
    leave_trace(label)
    return label


@task
def echo(label):
    """A task that does not use a server."""
    return label


@task
def behind_gate(label, gate):
    leave_trace(label)
    wait_for_file(gate, 600)
    return label


@task
async def async_behind_gate(label, gate):
    await Trace.objects.acreate(label=label, pid=os.getpid())
    while not os.path.exists(gate):
        await asyncio.sleep(0.05)
    return label


@task(atomic=True)
def atomic_behind_gate(label, gate):
    leave_trace(label)
    wait_for_file(gate, 600)
    return label


@task(takes_context=True, max_attempts=2)
def fail_at_first(context: Context, label):
    leave_trace(label)
    if context.attempt == 1:
        context.retry(after=0.1, reason="as planned")
    return label


# Poison.


@task
def kill_process(label):
    leave_trace(label)
    os.kill(os.getpid(), signal.SIGKILL)


@task
async def async_kill_process(label):
    await Trace.objects.acreate(label=label, pid=os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)


@task
def eat_memory(label, mebibytes):
    """Use memory until there is no more, or until the size is reached."""
    leave_trace(label)
    eaten = []
    for _ in range(mebibytes // 16):
        eaten.append(b"\1" * (16 * 1024 * 1024))  # noqa: PERF401
    return label


_kept = []


@task
def keep_memory(label, mebibytes):
    leave_trace(label)
    _kept.append(b"\1" * (mebibytes * 1024 * 1024))
    return label


@task(hard_timeout=1)
def keep_the_interpreter(label, seconds):
    """Sleep in C code that keeps the GIL, so that no other thread runs."""
    leave_trace(label)
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))
    return label


@task
def fork_and_leave(label):
    """Fork a child that raises SystemExit, as a script would."""
    leave_trace(label)
    pid = os.fork()
    if pid == 0:
        raise SystemExit(0)
    os.waitpid(pid, 0)
    return label


@task
def start_program(label):
    leave_trace(label)
    subprocess.run(["true"], check=True)
    return label


@task
def exit_process(label):
    leave_trace(label)
    raise SystemExit(3)


@task
def exit_at_once(label):
    leave_trace(label)
    os._exit(0)


@task
def close_connection(label):
    leave_trace(label)
    connection.close()
    return label


@task
def lose_connection(label):
    """Make the server end the connection."""
    leave_trace(label)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
