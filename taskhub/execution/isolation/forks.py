"""
Processes that tasks fork.

Such a child has copies of the worker's database connections, on the same sockets. A
query or the closing of a copy would disturb the worker's own connection. So the worker
keeps references to all of them during a fork, and the child first cuts its copies off
from their sockets. Redis connections need no such care: each process has its own
brokers, and redis-py closes no connections of another process.
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

    Otherwise it would go on as a second worker with the same token and connections.
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
        # As Python does at the end of a script.
        code = error.code if isinstance(error.code, int) else int(bool(error.code))
    elif error is not None:
        code = 1
        logger.error("A process that a task has forked failed.", exc_info=error)
    flush_output()
    os._exit(code)


def guard_connections() -> None:
    """Give the children of this process their own connections. To be called once."""
    connection_created.connect(_note, dispatch_uid="taskhub.forks")
    os.register_at_fork(
        before=_hold, after_in_parent=_let_go, after_in_child=_cut_off_copies
    )


#: The open connections of the drivers, of all threads.
_open: WeakSet[Any] = WeakSet()
#: In a child for ever: deleting a connection would close the worker's session.
_held: list[Any] = []
#: Held during a fork, so that no connection is partly noted.
_noting = Lock()


def _note(connection: Any, **kwargs: Any) -> None:
    # SQLite's connections have no weak references, and no server.
    if connection.vendor != "sqlite":
        with _noting:
            _open.add(connection.connection)


def _hold() -> None:
    _noting.acquire()
    _held.extend(_open)


def _let_go() -> None:
    _held.clear()
    _noting.release()


def _cut_off_copies() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for driver in _held:
        _cut_off(driver, nowhere)
    os.close(nowhere)
    for wrapper in connections.all(initialized_only=True):
        _held.append(wrapper)
        del connections[wrapper.alias]
    _open.clear()
    _noting.release()


def _cut_off(driver: Any, nowhere: int) -> None:
    try:
        os.dup2(nowhere, driver.fileno(), inheritable=False)
    except Exception as error:
        # Each driver has other errors for a closed connection.
        logger.debug("Not cut off: %s", error)
