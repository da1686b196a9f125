"""
Waiting for a hint: a blocking pop that another thread can interrupt.

A thread blocks on the sockets of its connections and on a pipe. In a Cluster, each
queue has a connection of its own, since one command cannot name keys of several slots.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import redis
from redis.cluster import RedisCluster

from taskhub.brokers.redis.connection import Client
from taskhub.compat.private_apis import descriptor_of
from taskhub.foundation.readiness import wait_readable

#: How late Redis may end a blocking command: it checks for timeouts every 0.1 s.
MAX_LATENESS_SECONDS = 0.1


def _take_connection(pool: Any) -> Any:
    # Before version 5.3, redis-py asks for the name of a command, and ignores it.
    return pool.get_connection(*(["BLPOP"] if redis.VERSION < (5, 3) else []))


class BlockingPop:
    """One connection that blocks on keys of one server."""

    def __init__(self, pool: Any, keys: Sequence[str]) -> None:
        self._pool = pool
        self._keys = keys
        self._connection = _take_connection(pool)

    def begin(self, seconds: float) -> int:
        """Send the command; return the descriptor that its reply makes readable."""
        self._connection.send_command("BLPOP", *self._keys, seconds)
        return descriptor_of(self._connection)

    def read(self) -> None:
        """Read the reply. Raise a RedisError if it is an error."""
        self._connection.read_response()

    def close(self) -> None:
        """Close the connection, which also ends the command."""
        with suppress(redis.RedisError, OSError):
            self._connection.disconnect()
        self._pool.release(self._connection)


class Waiting:
    """What one thread waits on; any other thread may interrupt it."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._pops: dict[tuple[str, ...], list[BlockingPop]] = {}
        self._interrupted, self._interrupting = os.pipe()
        os.set_blocking(self._interrupting, False)

    def wait(self, keys: Sequence[str], seconds: float) -> None:
        """Block until there is a hint in one of the lists, or `seconds` are over."""
        try:
            pops = self._begin(keys, seconds - MAX_LATENESS_SECONDS)
            readable = wait_readable([*pops, self._interrupted], seconds)
            if self._interrupted in readable:
                os.read(self._interrupted, 1024)
            for descriptor in readable & pops.keys():
                pops[descriptor].read()
            if not pops.keys() <= readable:
                # A command that still blocks would take a hint while no thread waits.
                self.close()
        except BaseException:
            self.close()
            raise

    def _begin(self, keys: Sequence[str], seconds: float) -> dict[int, BlockingPop]:
        if seconds <= 0:
            # The time is too short: Redis would end the command too late.
            return {}
        pops = self._pops.get(tuple(keys))
        if pops is None:
            pops = self._pops[tuple(keys)] = self._open(keys)
        return {pop.begin(seconds): pop for pop in pops}

    def _open(self, keys: Sequence[str]) -> list[BlockingPop]:
        if not keys:
            return []
        client: Any = self._connect()
        if not isinstance(client, RedisCluster):
            return [BlockingPop(client.connection_pool, keys)]
        pops = []
        for key in keys:
            node = client.get_node_from_key(key)
            server = client.get_redis_connection(node)
            pops.append(BlockingPop(server.connection_pool, [key]))
        return pops

    def interrupt(self) -> None:
        """Make a wait that is under way in another thread return now."""
        with suppress(BlockingIOError):
            # If the pipe is full, the wait was interrupted already.
            os.write(self._interrupting, b"!")

    def close(self) -> None:
        """Close the connections; the next wait opens others, perhaps elsewhere."""
        for pops in self._pops.values():
            for pop in pops:
                pop.close()
        self._pops = {}
