"""Tasks that affect their process: its output, its signals and its children."""

import asyncio
import atexit
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from functools import wraps
from pathlib import Path
from threading import Thread

from taskhub import Context, signals, task
from taskhub.compat import django_tasks as compat
from taskhub.retries import fixed
from tests.models import Trace
from tests.tasks import leave_trace, wait_for_file

logger = logging.getLogger(__name__)


# Output.


@task
def say(text):
    """Log a line to each kind of logger."""
    logging.getLogger("plain").error("plain: %s", text)
    logging.getLogger("silent").error("silent: %s", text)
    logging.getLogger("shop").error("shop: %s", text)


@task
def configure_and_say(text):
    """Configure logging as a script would, and log a line."""
    logging.basicConfig(format="configured %(message)s", level=logging.INFO)
    logger.info("basic: %s", text)


@task
def print_and_wait(text, gate):
    """Print a line and an unfinished one; run until a test creates the gate file."""
    print(f"{text} printed")
    print(f"{text} not ended", end="")
    wait_for_file(gate)


@task(hard_timeout=0.5)
def print_and_hang(text):
    print(f"{text} not ended", end="")
    os.read(os.pipe()[0], 1)


# Secrets.


@task(takes_context=True, masked=["card"])
def tell_odd_progress(context: Context, card):
    """Report invalid progress and then valid progress; return the errors raised."""
    raised = []
    odd = [
        (float("nan"), 10),
        (float("inf"), 10),
        (Decimal("0.5"), 10),
        (1, "ten"),
        (10**400, 10),
        (1, float("-inf")),
    ]
    for done, total in odd:
        try:
            context.progress(done, total)
        except TypeError as error:
            raised.append(type(error).__name__)
    context.progress(2, 4, "rows")
    return raised


@task(takes_context=True, masked=["card"])
def report_past_the_check(context: Context, card):
    """Report a value that no database can store, as a bug in taskhub could."""
    context.report(object(), None, "")
    time.sleep(0.5)


@task(masked=["card"])
def refuse(card):
    raise ValueError("refused")


@task(masked=["card"])
async def async_refuse(card):
    raise ValueError("refused")


# Signals.


def _take_with_asyncio(gate):
    async def main():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            loop.add_signal_handler(number, lambda: None)
        leave_trace_of("asyncio")
        while gate and not os.path.exists(gate):
            await asyncio.sleep(0.01)

    asyncio.run(main())


def _set_all(handler):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, handler)


def _set_others():
    for number in (signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)


TAKING_OVER = {
    "default": lambda: _set_all(signal.SIG_DFL),
    "ignore": lambda: _set_all(signal.SIG_IGN),
    "others": _set_others,
    "wakeup": lambda: signal.set_wakeup_fd(-1),
    "timer": lambda: signal.setitimer(signal.ITIMER_REAL, 0.3),
    "mask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 30)),
    "asyncio": None,
}


def leave_trace_of(kind):
    """Record in a thread that signals are taken, so that an event loop may call it."""
    Thread(target=leave_trace, args=[f"{kind} taken"]).start()


@task
def take_over(kind, gate=None):
    """Take over signals for good; with a gate, run until a test creates that file."""
    if kind == "asyncio":
        _take_with_asyncio(gate)
    else:
        TAKING_OVER[kind]()
        leave_trace_of(kind)
        if gate:
            wait_for_file(gate)
    return os.getpid()


@task
def tell_signals():
    """Return how this process handles signals."""
    wakeup = signal.set_wakeup_fd(-1)
    if wakeup != -1:
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    return {
        "handlers": [repr(signal.getsignal(n)) for n in signal.valid_signals()],
        "wakeup": wakeup,
        "timers": [signal.getitimer(n) for n in range(3)],
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    }


# Processes of tasks.

_pools = []


@task
def start_processes(note):
    """Start a process of each kind, and leave it running; return the pids by kind."""
    atexit.register(lambda: Path(note).write_text(str(os.getpid())))
    pool = ProcessPoolExecutor(1)
    _pools.append(pool)
    child = multiprocessing.Process(target=time.sleep, args=[600])
    servant = multiprocessing.Process(target=time.sleep, args=[600], daemon=True)
    child.start()
    servant.start()
    sleep = ["sleep", "600"]
    return {
        "worker": os.getpid(),
        "pool": pool.submit(os.getpid).result(),
        "child": child.pid,
        "servant": servant.pid,
        "program": subprocess.Popen(sleep).pid,
        "daemon": subprocess.Popen(sleep, start_new_session=True).pid,
    }


@task(hard_timeout=0.5)
def run_program_past_hard_limit():
    program = subprocess.Popen(["sleep", "600"])
    Trace.objects.create(label="program", pid=program.pid)
    program.wait()


@task
def run_program(gate):
    """Run a program until a test creates the gate file; return its exit code."""
    wait = f"while not os.path.exists({gate!r}): time.sleep(0.01)"
    program = f"import os, time\n{wait}"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        leave_trace("program")
        return process.wait()


# Limits of processes.


@task
async def async_tell_process():
    await asyncio.sleep(0)
    return os.getpid()


@task
async def async_grow(mebibytes):
    """Leak memory until the process ends."""
    _leaked.append(bytearray(mebibytes * 1024 * 1024))
    return os.getpid()


_leaked = []


# Async tasks behind a decorator that looks synchronous.


def _plainly(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@task
@_plainly
async def hidden_async(label, fails=False):
    """An async function behind a decorator that hides this."""
    await asyncio.sleep(0)
    await Trace.objects.acreate(label=label, pid=os.getpid())
    if fails:
        raise ValueError(label)
    return label


@task(timeout=0.3)
@_plainly
async def hidden_async_past_timeout():
    await asyncio.sleep(60)


# Signals of Django.


def note_end(task_result, **kwargs):
    """Record each finished result that the signal reports, if NOTE_ENDS is set."""
    leave_trace(f"finished {task_result.id} {task_result.status}"[:100])


if os.environ.get("NOTE_ENDS"):
    compat.task_finished.connect(note_end)


# Signals of taskhub.


def note_retry(task_result, error, pause, **kwargs):
    """Record each retry that the signal reports, if NOTE_SIGNALS is set."""
    label = f"retried {task_result.id} {task_result.status} {error!r} {pause}"
    leave_trace(label[:100])


def note_node(signal, node, queues, **kwargs):
    """Record the start and the end of a node, if NOTE_SIGNALS is set."""
    what = "started" if signal is signals.node_started else "ending"
    leave_trace(f"node {what} {node} {','.join(queues)}"[:100])


if os.environ.get("NOTE_SIGNALS"):
    signals.task_retried.connect(note_retry)
    signals.node_started.connect(note_node)
    signals.node_ending.connect(note_node)


@task(
    max_attempts=2,
    backoff=fixed(seconds=0),
    throws=(PermissionError,),
    name="shop.expects",
)
def expects(*kinds):
    """Raise an exception of each kind, in a group if there are several."""
    found = [
        {"permission": PermissionError, "value": ValueError}[each] for each in kinds
    ]
    errors = [kind("as expected") for kind in found]
    raise errors[0] if len(errors) == 1 else ExceptionGroup("several", errors)
