"""
Processes that tasks fork.

Such a child has copies of the worker's database connections, on the same sockets. If
the child used or closed a copy, it would disturb the worker's own connection. So the
worker keeps references to all connections during a fork, and the child first cuts its
copies off from their sockets. Redis connections need no such care: each process has its
own brokers, and redis-py closes no connections of another process.
"""

import logging
import os
from threading import Lock
from types import TracebackType
from typing import Any
from weakref import WeakSet

from django.db import connections
from django.db.backends.signals import connection_created

from taskhub.execution.isolation.output import flush_output

logger = logging.getLogger(__name__)


class OnlyHere:
    """
    Ends a process that was forked within this block when it leaves the block.

    Otherwise it would continue as a second worker with the same token and connections.
    """

    __slots__ = ("_pid",)

    def __enter__(self) -> None:
        self._pid = os.getpid()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if os.getpid() != self._pid:
            _end(error)


def _end(error: BaseException | None) -> None:
    code = 0
    if isinstance(error, SystemExit):
        # The exit code that Python itself uses for SystemExit.
        code = error.code if isinstance(error.code, int) else int(bool(error.code))
    elif error is not None:
        code = 1
        logger.error("A process that a task has forked failed.", exc_info=error)
    flush_output()
    os._exit(code)


def guard_connections() -> None:
    """Cut off the copied connections in children of this process. To be called once."""
    connection_created.connect(_note, dispatch_uid="taskhub.forks")
    os.register_at_fork(
        before=_hold, after_in_parent=_let_go, after_in_child=_cut_off_copies
    )


#: The drivers' open connections, of all threads.
_open: WeakSet[Any] = WeakSet()
#: References that are kept during a fork. A child keeps them for ever, since deleting a
#: connection would close the worker's session.
_held: list[Any] = []
#: Protects `_open`. It is held during a fork, so that the child's copy is complete.
_lock = Lock()


def _note(connection: Any, **kwargs: Any) -> None:
    # SQLite's connections have no server, and do not support weak references.
    if connection.vendor != "sqlite":
        with _lock:
            _open.add(connection.connection)


def _hold() -> None:
    _lock.acquire()
    _held.extend(_open)


def _let_go() -> None:
    _held.clear()
    _lock.release()


def _cut_off_copies() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for driver in _held:
        _cut_off(driver, null)
    os.close(null)
    for wrapper in connections.all(initialized_only=True):
        _held.append(wrapper)
        del connections[wrapper.alias]
    _open.clear()
    _lock.release()


def _cut_off(driver: Any, null: int) -> None:
    """Make the connection's descriptor another one of os.devnull."""
    try:
        os.dup2(null, driver.fileno(), inheritable=False)
    except Exception as error:
        # For a closed connection, each driver raises a different error.
        logger.debug("Not cut off: %s", error)
