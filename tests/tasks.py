"""Tasks that tests enqueue; worker processes run them."""

import asyncio
import ctypes
import gc
import json
import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from asgiref.sync import sync_to_async
from django.db import (
    DatabaseError,
    OperationalError,
    connection,
    connections,
    transaction,
)

from taskhub import Context, task
from taskhub.exceptions import TaskTimeout
from taskhub.retries import exponential, fixed
from tests.connections import connection_id
from tests.models import Trace

try:
    from django.tasks import task as django_task
except ImportError:
    from django_tasks import task as django_task

logger = logging.getLogger(__name__)


def leave_trace(label: str) -> None:
    """Record an execution in a table, where tests can count it."""
    Trace.objects.create(
        label=label, pid=os.getpid(), thread=threading.current_thread().name
    )


@task
def add(a, b=0):
    return a + b


@task
async def async_add(a, b=0):
    await asyncio.sleep(0)
    return a + b


@task(queue_name="mail")
def send(address, *, subject="hello"):
    return f"{subject}, {address}"


@django_task
def plain(a):
    return a


@django_task(takes_context=True, queue_name="mail", priority=5)
def plain_with_context(context, a):
    return [context.attempt, context.task_result.id, a]


@task
def trace(label):
    leave_trace(label)


@task
def give_back(value):
    """Return what was given: for values that JSON can carry."""
    return value


@task
def give_odd(kind):
    """Return a value that JSON, or a database, cannot store unchanged."""
    endless = []
    endless.append(endless)
    deep = current = []
    for _ in range(40):
        current.append([])
        current = current[0]
    return {
        "nul": "a\0b",
        "surrogate": ["\ud800", {"\udfff": 1}],
        "nan": [float("nan"), float("inf"), float("-inf")],
        "big": "x" * 1_000_000,
        "wide": "\N{SNOWMAN}" * 500_000,
        "deep": deep,
        "int": 2**200,
        "set": {1, 2},
        "endless": endless,
        "bytes": b"text",
        "tuple": (1, (2,)),
        "keys": {1: "a", None: "b"},
    }[kind]


@task
def fail(message="no such user"):
    raise ValueError(message)


@task
def fail_oddly():
    raise ValueError("NUL \0, surrogate \udc80, and long: " + "x" * 500_000)


@task
def leave_process(code):
    sys.exit(code)


@task
def exit_process(code):
    """End the process at once, as a C library may."""
    leave_trace("exited")
    os._exit(code)


@task
async def exit_in_child():
    """Raise SystemExit in an asyncio task, on the event loop that all tasks share."""

    async def child():
        sys.exit(3)

    await asyncio.create_task(child())


@task
def close_connection():
    connection.close()
    leave_trace("closed")


#: By database: the statement that ends the connection on which it runs.
_END_OWN_CONNECTION = {
    "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
    "mysql": "KILL CONNECTION_ID()",
}


@task
def break_connection():
    """Lose the connection without Django noticing, as when a server restarts."""
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        connection.connection.close()
    else:
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute(_END_OWN_CONNECTION[connection.vendor])
    leave_trace("unreachable")


@task
def tell_connection():
    return connection_id()


@task
async def async_tell_connection():
    return await sync_to_async(connection_id)()


@task
def hold_connection(gate):
    """Use a database connection until a test creates the gate file."""
    leave_trace(connection_id())
    wait_for_file(gate)


@task
def leave_transaction_open():
    transaction.set_autocommit(False)
    leave_trace("never committed")


@task(takes_context=True)
def tell_progress(context: Context, gate: str):
    context.progress(3, 10, "three\0 of ten")
    wait_for_file(gate)
    return context.task_result.id


@task(keep="errors", takes_context=True)
def tell_progress_and_leave_no_row(context: Context, gate: str):
    context.progress(3, 10, "three of ten")
    wait_for_file(gate)


@task
def wait_for_gate(label, gate, seconds=60):
    """Run until a test creates the gate file."""
    leave_trace(f"{label} began")
    wait_for_file(gate, seconds)
    leave_trace(f"{label} ended")
    return label


@task
async def async_wait_for_gate(label, gate):
    while not Path(gate).exists():
        await asyncio.sleep(0.01)
    return label


@task
def nap(seconds):
    """Sleep for some seconds."""
    leave_trace("nap")
    time.sleep(seconds)


@task
async def async_nap(seconds):
    await sync_to_async(leave_trace)("nap")
    await asyncio.sleep(seconds)


@task
def kill_process():
    leave_trace("killed")
    os.kill(os.getpid(), signal.SIGKILL)


@task
def enqueue_more(count):
    trace.enqueue_many([(f"child {number}",) for number in range(count)])


@task
def wait_for_another(timeout):
    """Occupy a worker process while waiting for a task that needs one, too."""
    return add.enqueue(1, b=2).get(timeout=timeout)


@task
def fork_and_signal():
    """Fork as multiprocessing does, and terminate the child."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    time.sleep(0.05)
    os.kill(pid, signal.SIGTERM)
    _pid, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


@task
def fork_and_leave(label):
    """Fork a child that calls `sys.exit`, as a script would."""
    leave_trace(label)
    pid = os.fork()
    if pid == 0:
        sys.exit(7)
    _pid, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


@task
def fork_and_query(count, ending):
    """Query in children and in this process at once; return the connections used."""
    leave_trace("before")
    mine = connection_id()
    fork = multiprocessing.get_context("fork")
    children = [
        fork.Process(target=_query_in_child, args=[ending]) for _ in range(count)
    ]
    for child in children:
        child.start()
    seen = {connection_id() for _ in range(200)}
    for child in children:
        child.join()
    after = connection_id()
    codes = [child.exitcode for child in children]
    return {"mine": mine, "seen": [*seen, after], "codes": codes}


def _query_in_child(ending):
    ids = set()
    if ending != "nothing":
        ids = {connection_id() for _ in range(200)}
        leave_trace(f"child on {ids.pop()}")
        trace.enqueue("enqueued by a child")
    if ending == "close":
        connections.close_all()
        gc.collect()
    sys.exit(len(ids))


@task
def set_language(code):
    from django.utils import translation

    before = translation.get_language()
    translation.activate(code)
    return before


@task(keep="errors")
def keep_errors(fails):
    if fails:
        raise ValueError("kept")


@task(keep="none")
def keep_nothing(fails):
    leave_trace("not kept")
    if fails:
        raise ValueError("not kept")


@task(durable=False)
def fleeting(a):
    leave_trace("fleeting")
    return a


@task(priority=-100)
def most_memory_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def wait_for_file(path, seconds=60):
    """Block until a file exists."""
    deadline = time.monotonic() + seconds
    while not Path(path).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(path)
        time.sleep(0.01)


# Tasks that fail and are retried.


def count_traces(label):
    return Trace.objects.filter(label=label).count()


@task(max_attempts=3, backoff=fixed(seconds=0.05))
def fail_at_first(label, times):
    """Fail `times` times; then return the number of attempts."""
    leave_trace(label)
    if count_traces(label) <= times:
        raise ConnectionError(f"attempt {count_traces(label)}")
    return count_traces(label)


@task(max_attempts=2, backoff=fixed(seconds=0.05))
def fail_with_arguments(label, value, **kwargs):
    """With the label "first", put the arguments into two errors; then return them."""
    leave_trace(label)
    if label == "first" and count_traces(label) <= 2:
        raise ConnectionError(json.dumps([label, value, kwargs]))
    return [label, value, kwargs]


@task(max_attempts=3, backoff=fixed(seconds=0.05))
async def async_fail_at_first(label, times):
    await Trace.objects.acreate(label=label, pid=os.getpid())
    tries = await Trace.objects.filter(label=label).acount()
    if tries <= times:
        raise ConnectionError(f"attempt {tries}")
    return tries


@task(
    max_attempts=9,
    backoff=fixed(seconds=0.01),
    retry_on=OSError,
    give_up_on=[FileNotFoundError],
)
def fail_with(label, kind):
    leave_trace(label)
    raise {"value": ValueError, "missing": FileNotFoundError, "os": OSError}[kind](
        label
    )


@task(
    takes_context=True,
    max_attempts=4,
    backoff=exponential(seconds=0.1, factor=3, jitter=False),
)
def tell_failures_at_last(context: Context):
    """Fail three times; then return the failures that the context has recorded."""
    if context.attempt <= 3:
        raise ConnectionError(f"attempt {context.attempt}")
    result = context.task_result
    return {
        "failures": result.failures,
        "errors": [error.exception_class_path for error in result.errors],
        "messages": ["attempt" in error.traceback for error in result.errors],
    }


@task(max_attempts=3)
def fail_with_the_default_backoff():
    raise ConnectionError("no")


@task(max_attempts=3, backoff=lambda error, result: len(result.errors) / 8)
def fail_with_a_backoff_that_counts():
    raise ConnectionError("no")


@task(max_attempts=2, backoff=exponential(seconds=0.25, factor=40, jitter=False))
def fail_twice():
    raise ConnectionError("no")


@task(takes_context=True, max_attempts=3, backoff=fixed(hours=1))
def ask_for_a_retry_at_once(context: Context):
    if context.attempt < 3:
        context.retry(after=0)
    return context.attempt


@task(max_attempts=2, retry_on=ConnectionError, backoff=fixed(seconds=0.01))
async def fail_in_a_task_group(label):
    """Raise ConnectionError in the first attempt, inside two nested task groups."""
    await Trace.objects.acreate(label=label, pid=os.getpid())
    tries = await Trace.objects.filter(label=label).acount()

    async def connect():
        if tries == 1:
            raise ConnectionError("refused")

    async with asyncio.TaskGroup() as outer:

        async def nested():
            async with asyncio.TaskGroup() as inner:
                inner.create_task(connect())

        outer.create_task(nested())
    return tries


@task(
    max_attempts=3,
    retry_on=OSError,
    give_up_on=FileNotFoundError,
    backoff=fixed(seconds=0.01),
)
def fail_with_a_group(label, kinds):
    leave_trace(label)
    known = {"value": ValueError, "missing": FileNotFoundError, "os": OSError}
    raise ExceptionGroup("several", [known[kind](kind) for kind in kinds])


@task(takes_context=True, max_attempts=3, retry_on=(), backoff=fixed(hours=1))
async def ask_for_a_retry_in_a_task_group(context: Context):
    async def ask(seconds):
        if context.attempt < 3:
            context.retry(after=seconds)

    async with asyncio.TaskGroup() as group:
        group.create_task(ask(0.01))
        group.create_task(ask(0.02))
    return context.attempt


@task(takes_context=True, max_attempts=3)
def ask_for_a_retry(context: Context, label):
    leave_trace(label)
    if context.attempt < 3:
        context.retry(after=0.05, reason="not ready yet")
    return context.attempt


@task(max_attempts=2, backoff=lambda error, result: "soon")
def broken_backoff():
    raise ValueError("no")


@task(max_attempts=2, backoff=fixed(hours=1))
def fail_for_an_hour(label):
    leave_trace(label)
    raise ValueError(label)


@task(max_attempts=3, backoff=fixed(seconds=0.05), durable=False)
def fleeting_fail_at_first(label, times):
    leave_trace(label)
    if count_traces(label) <= times:
        raise ConnectionError("not yet")
    return "done"


@task
def fail_as_in_an_outage(label, times):
    """Fail `times` times, as if the database's disk were full."""
    leave_trace(label)
    if count_traces(label) <= times:
        raise RuntimeError(label) from outage()
    return count_traces(label)


@task
def fail_once_behind_a_gate_as_in_an_outage(label, gate):
    leave_trace(f"{label} began")
    wait_for_file(gate)
    if count_traces(f"{label} began") == 1:
        raise outage()
    return label


@task
async def async_fail_as_in_an_outage(label, times):
    await Trace.objects.acreate(label=label, pid=os.getpid())
    tries = await Trace.objects.filter(label=label).acount()
    if tries <= times:
        raise outage()
    return tries


@task
async def fail_in_a_task_group_as_in_an_outage(label, times):
    async with asyncio.TaskGroup() as group:
        group.create_task(async_fail_as_in_an_outage.func(label, times))
    return times


def outage():
    error = OperationalError("could not extend file")
    error.__cause__ = type("DiskFull", (Exception,), {"sqlstate": "53100"})()
    return error


# Tasks with limits.


@task(timeout=0.3)
def sleep_past_timeout(seconds=60):
    time.sleep(seconds)


@task(timeout=0.3)
def loop_past_timeout():
    while True:
        sum(range(1000))


@task(timeout=0.3)
def tidy_up_past_timeout(label):
    try:
        time.sleep(60)
    except TaskTimeout:
        leave_trace(label)
        return "tidied up"


@task(timeout=0.3)
def retry_past_timeout(threaded):
    """Retry after every exception, as clients of servers do."""
    while True:
        try:
            if threaded:
                sum(range(100_000))
            else:
                time.sleep(60)
        except (OSError, Exception):  # noqa: S112
            continue


@task(timeout=0.3, max_attempts=2, backoff=fixed(seconds=0.01))
def time_out_and_try_again(label):
    leave_trace(label)
    if count_traces(label) == 1:
        time.sleep(60)
    return "in time"


@task(timeout=0.3)
async def async_sleep_past_timeout():
    await asyncio.sleep(60)


def _sleep_in_database(seconds):
    pause = {"postgresql": "SELECT pg_sleep(%s)", "mysql": "SELECT SLEEP(%s)"}
    with connection.cursor() as cursor:
        cursor.execute(pause[connection.vendor], [seconds])


@task(timeout=0.3)
def query_past_timeout(seconds):
    _sleep_in_database(seconds)


@task(timeout=0.3)
def query_past_timeout_in_transaction(seconds):
    with transaction.atomic():
        _sleep_in_database(seconds)


@task(timeout=0.3)
def tidy_up_after_query_past_timeout(seconds, label):
    try:
        _sleep_in_database(seconds)
    except TaskTimeout:
        leave_trace(label)
        return "tidied up"


@task(timeout=0.3)
async def async_query_past_timeout(seconds):
    await sync_to_async(_sleep_in_database)(seconds)


@task(takes_context=True)
def query_at_first(context: Context, seconds):
    """Run a query in the first two attempts, although `max_attempts` is one."""
    if context.attempt <= 2:
        _sleep_in_database(seconds)
    return context.attempt


@task(atomic=True, takes_context=True)
def query_at_first_atomically(context: Context, seconds):
    return query_at_first.func(context, seconds)


@task(takes_context=True)
async def async_query_at_first(context: Context, seconds):
    return await sync_to_async(query_at_first.func)(context, seconds)


@task
def end_own_connection(label):
    """Make the server end the connection in each attempt."""
    leave_trace(label)
    with connection.cursor() as cursor:
        cursor.execute(_END_OWN_CONNECTION[connection.vendor])
        cursor.execute("SELECT 1")


@task
def query_past_alarm(seconds):
    """Interrupt a query by an exception from the task's own signal handler."""

    def ring(number, frame):
        raise ConnectionError("the alarm")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    _sleep_in_database(seconds)


@task(timeout=0.2, hard_timeout=0.5)
def ignore_everything():
    while True:
        with suppress(BaseException):
            time.sleep(60)


@task(hard_timeout=0.5)
def keep_the_interpreter(seconds=60):
    """Sleep in C code that keeps the GIL, so that no other thread runs."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


@task
def tell_process():
    return os.getpid()


@task
def grow(mebibytes):
    """Leak memory until the process ends."""
    _leaked.append(bytearray(mebibytes * 1024 * 1024))
    return os.getpid()


_leaked = []


# Atomic tasks, whose work is committed together with their outcome.


@task(atomic=True)
def trace_atomically(label):
    leave_trace(label)
    return label


@task(atomic=True)
def trace_atomically_for_nothing(label):
    leave_trace(label)


@task(atomic=True, max_attempts=2, backoff=fixed(seconds=0.01))
def trace_atomically_and_fail(label, times=1):
    leave_trace(label)
    raise ValueError(label)


@task(atomic=True)
def trace_atomically_behind_a_gate(label, gate):
    leave_trace(label)
    wait_for_file(gate)


# Tasks that are cancelled while they run.


@task(takes_context=True)
def run_until_cancelled(context: Context, label):
    leave_trace(f"{label} began")
    while not context.cancelled:
        time.sleep(0.01)
    leave_trace(f"{label} saw it")


@task
async def async_run_until_cancelled(label):
    await Trace.objects.acreate(label=f"{label} began", pid=os.getpid())
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        await Trace.objects.acreate(label=f"{label} saw it", pid=os.getpid())
        raise


@task
def run_regardless(label):
    leave_trace(f"{label} began")
    while True:
        with suppress(Exception):
            time.sleep(60)


def _hang():
    """Wait for data that is never sent."""
    ours, _theirs = socket.socketpair()
    while True:
        with suppress(Exception):
            ours.recv(1)


@task
def hang(label):
    leave_trace(f"{label} began")
    _hang()


@task(hard_timeout=4)
def hang_up_to_a_limit(label):
    leave_trace(f"{label} began")
    _hang()


@task
async def async_hang(label):
    await Trace.objects.acreate(label=f"{label} began", pid=os.getpid())
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(600)


@task
def hold_the_interpreter(label):
    """Hang in C code that keeps the GIL, so that no other thread runs."""
    leave_trace(f"{label} began")
    ctypes.PyDLL(None).usleep(600_000_000)


@task(durable=False)
def wait_rowless_for_gate(label, gate):
    leave_trace(f"{label} began")
    wait_for_file(gate)


@task
def log(label):
    logger.warning("Begins: %s", label)
    logger.warning("Ends: %s", label)


@task
async def async_log(label):
    logger.warning("Begins: %s", label)
    await asyncio.sleep(0)
    logger.warning("Ends: %s", label)


@task
def log_oddly():
    logger.warning("a\0b\ud800")
    logger.warning("x" * 10_000)


@task
def log_and_fail():
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logger.exception("It went wrong")
        raise


@task
def log_behind_a_gate(gate):
    logger.warning("It waits")
    wait_for_file(gate)
    logger.warning("It goes on")


@task
def log_much(lines):
    for n in range(lines):
        logger.warning("Line %d", n)


@task(takes_context=True, max_attempts=2, backoff=fixed(seconds=0))
def log_at_each_attempt(context):
    logger.warning("Attempt %d", context.attempt)
    raise ConnectionError


@task
def fail_at_first_try(label):
    """Fail in the first run, and succeed in all later ones."""
    leave_trace(f"try {label}")
    if count_traces(f"try {label}") == 1:
        raise ConnectionError("the first try")
    return label


@task(meta={"team": "billing"})
def with_notes():
    return None


@task(masked=["password"])
def sign_in(name, password="", *others):
    return name


@task(masked=["codes"])
def check_codes(*codes): ...


@task(masked=["secrets"])
def connect(host, **secrets): ...


@task(masked=["card", "secrets", "is_vip", "tier"])
def order(
    number: int,
    card: str,
    /,
    address: str = "Main Street",
    *,
    paid: bool = False,
    weight: float | None = None,
    speed: Literal["slow", "fast"] = "slow",
    boxes: list[int] | None = None,
    labels: dict[str, str] | None = None,
    is_vip: bool = False,
    tier: Literal[1, 2] = 1,
    secrets: list[str] | None = None,
    extra=None,
) -> str:
    """
    Send an order.

    Args:
        number: The number that stands on the bill,
            and on the box.
        speed (str): How fast it goes.
    """
    return f"{number} to {address}"


@task
def gather(first: int, second: int = 2, *rest: int, **options: str):
    """
    Gather what it is given.

    :param first: The first of them.
    :param str second: The second
        of them.
    """
    return [first, second, *rest]


@task
def name_as_machinery(self, task, args, kwargs, func, context, queue_name, name):
    """Take parameters with names that taskhub and Django use themselves."""
    return [self, task, args, kwargs, func, context, queue_name, name]


@task
async def async_name_as_machinery(self, **rest):
    return [self, sorted(rest)]


@task
def count_remembered_queries():
    """Return the length of the longest query log that Django keeps in this process."""
    wrappers = (each for each in gc.get_objects() if type(each) is type(_wrapper()))
    return max(len(wrapper.queries_log) for wrapper in wrappers)


def _wrapper():
    return connections["default"]


@task
async def query_asynchronously():
    return await Trace.objects.acount()
