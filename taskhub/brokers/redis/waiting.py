"""
Waiting for a hint: a blocking pop whose time is watched here.

Redis ends a blocking command up to 100 ms late, which is too late for what is due by
then; so the server's own time is only a backstop, and the command is ended from another
connection when it is time. In a Cluster, each queue is waited for on a connection of
its own.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import redis
from redis.cluster import RedisCluster

from taskhub.brokers.redis.connection import Client
from taskhub.foundation.readiness import wait_readable

#: The server ends a command by itself so much later than it is waited for.
_BACKSTOP_SECONDS = 1.0


def _take(pool: Any) -> Any:
    """Take a connection out of a pool."""
    # Before version 5.3, redis-py asks for the name of a command, and ignores it.
    return pool.get_connection(*(["BLPOP"] if redis.VERSION < (5, 3) else []))


class Line:
    """One connection that blocks on keys of one server."""

    def __init__(self, pool: Any, keys: Sequence[str]) -> None:
        self._pool = pool
        self._keys = keys
        self._connection = _take(pool)
        self._connection.send_command("CLIENT", "ID")
        self._id = self._read()

    def _read(self) -> Any:
        try:
            return self._connection.read_response()
        except redis.exceptions.NoPermissionError:
            # Then a wait ends by itself, a second later.
            return None

    def begin(self, seconds: float) -> int:
        """Begin to wait; return the socket, which is readable when it is over."""
        self._connection.send_command("BLPOP", *self._keys, seconds + _BACKSTOP_SECONDS)
        descriptor: int = self._connection._sock.fileno()
        return descriptor

    def end(self) -> None:
        """Stop waiting, whether or not there was anything."""
        if self._id is not None and not self._connection.can_read(0):
            self._unblock()
        self._connection.read_response()

    def _unblock(self) -> None:
        control = _take(self._pool)
        try:
            control.send_command("CLIENT", "UNBLOCK", self._id)
            control.read_response()
        except redis.exceptions.NoPermissionError:
            # As if its id could not be asked for.
            self._id = None
        finally:
            self._pool.release(control)

    def close(self) -> None:
        """Give the connection up: a reply may still be to come."""
        with suppress(redis.RedisError, OSError):
            self._connection.disconnect()
        self._pool.release(self._connection)


class Waiting:
    """What one thread waits on; any other may interrupt it."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._lines: dict[tuple[str, ...], list[Line]] = {}
        self._interrupted, self._interrupting = os.pipe()
        os.set_blocking(self._interrupting, False)

    def wait(self, keys: Sequence[str], seconds: float) -> None:
        """Block until there is a hint in one of the lists, for so long at the most."""
        lines = self._lines.get(tuple(keys))
        try:
            if lines is None:
                lines = self._lines[tuple(keys)] = self._open(keys)
            sockets = [line.begin(seconds) for line in lines]
            readable = wait_readable([*sockets, self._interrupted], seconds)
            if self._interrupted in readable:
                os.read(self._interrupted, 1024)
            for line in lines:
                line.end()
        except BaseException:
            self.close()
            raise

    def _open(self, keys: Sequence[str]) -> list[Line]:
        if not keys:
            return []
        client: Any = self._connect()
        if not isinstance(client, RedisCluster):
            return [Line(client.connection_pool, keys)]
        lines = []
        for key in keys:
            node = client.get_node_from_key(key)
            server = client.get_redis_connection(node)
            lines.append(Line(server.connection_pool, [key]))
        return lines

    def interrupt(self) -> None:
        """Make a wait that is under way in another thread return now."""
        with suppress(BlockingIOError):
            # Full means that it has been interrupted often enough.
            os.write(self._interrupting, b"!")

    def close(self) -> None:
        """Close the connections; the next wait opens others, perhaps elsewhere."""
        for lines in self._lines.values():
            for line in lines:
                line.close()
        self._lines = {}
