"""A TCP proxy that simulates faults of a network."""

import asyncio
import ctypes
import random
import socket
import struct
from enum import Enum, auto
from threading import Thread
from typing import Any

from tests.servers import free_port


class Weather(Enum):
    """The fault that a proxy simulates."""

    FAIR = auto()
    #: Some replies are dropped, each with its connection.
    DROPS_REPLIES = auto()
    #: All data is read and none is passed on; connections stay open.
    SWALLOWS = auto()


#: A packet filter for Linux with one instruction, which drops every packet.
_SO_ATTACH_FILTER = 26
_DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
_FILTER = struct.pack("HL", 1, ctypes.addressof(_DROP_ALL))


class Proxy:
    """A context manager that listens on its own port, in a thread."""

    #: One reply in this number is dropped.
    ONE_IN = 40

    def __init__(self, port: int, *, seed: int = 1) -> None:
        self.port = free_port()
        self.weather = Weather.FAIR
        #: How many replies were dropped.
        self.dropped = 0
        self._target = port
        self._random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._serve, name="proxy", daemon=True)
        self._carriers: set[asyncio.Task[None]] = set()
        self._clients: set[Any] = set()
        self._forgotten: set[Any] = set()

    def lead_to(self, port: int) -> None:
        """Connect new clients to another port; open connections stay as they are."""
        self._target = port

    def __enter__(self) -> "Proxy":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *reason: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def forget(self) -> int:
        """
        Drop all packets of clients on open connections; count these connections.

        A firewall that has forgotten connections acts in this way: packets are not
        acknowledged, not even by the system, and no connection is reset or closed. New
        connections work.
        """
        clients, self._clients = self._clients, set()
        self._forgotten |= clients
        for client in clients:
            client.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, _SO_ATTACH_FILTER, _FILTER
            )
        return len(clients)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, backlog=500
        )

    async def _stop(self) -> None:
        self._server.close()
        for task in self._carriers:
            task.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)

    async def _accept(self, reader: Any, writer: Any) -> None:
        try:
            beyond = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        from_server, to_server = beyond
        self._clients.add(writer)
        for source, sink, is_reply in (
            (reader, to_server, False),
            (from_server, writer, True),
        ):
            task = asyncio.create_task(self._carry(source, sink, is_reply))
            self._carriers.add(task)
            task.add_done_callback(self._carriers.discard)

    async def _carry(self, source: Any, sink: Any, is_reply: bool) -> None:
        try:
            while piece := await source.read(65_536):
                if self.weather is Weather.SWALLOWS or sink in self._forgotten:
                    continue
                if is_reply and self._is_to_drop():
                    self.dropped += 1
                    return
                sink.write(piece)
                await sink.drain()
        except OSError:
            pass
        finally:
            if sink not in self._forgotten:
                sink.close()
            self._clients.discard(sink)

    def _is_to_drop(self) -> bool:
        return (
            self.weather is Weather.DROPS_REPLIES
            and self._random.randrange(self.ONE_IN) == 0
        )
