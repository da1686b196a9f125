"""
Health: an HTTP server in the steward for a service manager's probes.

`/live` answers 200 unless the steward is stuck, which only a restart mends; a broker or
database that hangs does not matter. `/ready` answers 200 if both respond and there are
worker processes, else 503 with the reasons. Both read only values in memory.
"""

import json
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

#: A part of the steward that is silent for longer is stuck, or its server is away.
_MAX_SILENCE_SECONDS = 15.0
MAX_CONNECTIONS = 64
MAX_REQUEST_SECONDS = 5.0


class Health:
    """The health of a node, reported by the steward's threads and read by probes."""

    def __init__(self, processes: Callable[[], int], living: Callable[[], int]) -> None:
        self._processes = processes
        self._living = living
        now = time.monotonic()
        self._steward_at = now
        self._broker_at = self._database_at = 0.0

    def steward_is_alive(self) -> None:
        """Called by the steward's main thread, which waits for no server."""
        self._steward_at = time.monotonic()

    def broker_has_answered(self) -> None:
        """Called after every round that reached the broker."""
        self._broker_at = time.monotonic()

    def database_has_answered(self) -> None:
        """Called after every report that reached the database."""
        self._database_at = time.monotonic()

    def reasons_not_to_live(self) -> list[str]:
        """Return the reasons, as sentences, why only a restart helps."""
        return _unless(self._steward_at, "The steward is stuck.")

    def reasons_not_to_be_ready(self) -> list[str]:
        """Return the reasons, as sentences, why the node cannot run tasks now."""
        living = self._living()
        return [
            *self.reasons_not_to_live(),
            *_unless(self._broker_at, "The broker does not answer."),
            *_unless(self._database_at, "The database does not answer."),
            *([] if living else [f"None of {self._processes()} processes is there."]),
        ]


def _unless(heard_at: float, reason: str) -> list[str]:
    return [] if time.monotonic() - heard_at < _MAX_SILENCE_SECONDS else [reason]


def listen_for_probes(host: str, port: int) -> socket.socket:
    """
    Return a socket that probes can connect to, on an IPv4 or IPv6 address.

    Raise OSError if the address is not this machine's, or the port is taken.
    """
    family, kind, _protocol, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" means all IPv4 addresses, too.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(MAX_CONNECTIONS)
    except OSError:
        listener.close()
        raise
    return listener


class HealthServer(ThreadingHTTPServer):
    """Answers probes, each in a thread. Bounds the number and age of connections."""

    daemon_threads = True

    def __init__(self, health: Health, listener: socket.socket) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.routes = {
            "/live": health.reasons_not_to_live,
            "/ready": health.reasons_not_to_be_ready,
        }
        #: When each connection was opened, the oldest first.
        self._open: OrderedDict[socket.socket, float] = OrderedDict()
        self._lock = Lock()

    def start(self) -> None:
        Thread(target=self.serve_forever, name="health", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Accept a connection; close the oldest one if there are too many."""
        with self._lock:
            self._open[request] = time.monotonic()
            if len(self._open) > MAX_CONNECTIONS:
                self._hang_up(next(iter(self._open)))
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Close connections that are too old; called twice a second."""
        since = time.monotonic() - MAX_REQUEST_SECONDS
        with self._lock:
            for request in [each for each, at in self._open.items() if at < since]:
                self._hang_up(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def _hang_up(self, request: socket.socket) -> None:
        self._open.pop(request, None)
        # The connection's thread, which waits for input, sees the end and closes it.
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: HealthServer
    timeout = MAX_REQUEST_SECONDS

    def do_GET(self) -> None:
        ask = self.server.routes.get(self.path.partition("?")[0])
        if ask is None:
            self._answer(404, {"error": "Expected /live or /ready."})
        else:
            reasons = ask()
            self._answer(503 if reasons else 200, {"reasons": reasons})

    do_HEAD = do_GET

    def _answer(self, code: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle(self) -> None:
        """Answer, unless the client has disconnected."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *args: object) -> None:
        """Log nothing."""
