"""
Health: an HTTP server in the steward, for a service manager's probes.

`/live` says whether the node's own parts go on: 200 unless the steward is stuck, which
only a restart mends. `/ready` says whether it can work: 200 if the broker and the
database answer and its processes are there, 503 with the reasons if not. Both read a
value that is there already; nothing is asked for them.
"""

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

#: A part that has not been heard of for longer is stuck, or out of touch.
_SILENT_SECONDS = 15.0


class Health:
    """What is known of a node's health; parts tell, probes ask."""

    def __init__(self, processes: Callable[[], int], living: Callable[[], int]) -> None:
        self._processes = processes
        self._living = living
        now = time.monotonic()
        self._steward_at = now
        self._broker_at = self._database_at = 0.0

    def steward_is_alive(self) -> None:
        """Told by every round of the steward."""
        self._steward_at = time.monotonic()

    def broker_has_answered(self) -> None:
        """Told by every round that reached the broker."""
        self._broker_at = time.monotonic()

    def database_has_answered(self) -> None:
        """Told by every chore that reached the database."""
        self._database_at = time.monotonic()

    def reasons_not_to_live(self) -> list[str]:
        """Say what only a restart mends."""
        return _unless(self._steward_at, "The steward is stuck.")

    def reasons_not_to_be_ready(self) -> list[str]:
        """Say what keeps the node from working."""
        living = self._living()
        return [
            *self.reasons_not_to_live(),
            *_unless(self._broker_at, "The broker does not answer."),
            *_unless(self._database_at, "The database does not answer."),
            *([] if living else [f"None of {self._processes()} processes is there."]),
        ]


def _unless(heard_at: float, reason: str) -> list[str]:
    return [] if time.monotonic() - heard_at < _SILENT_SECONDS else [reason]


class HealthServer:
    """Answers probes on a port, in a thread of its own."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        routes = {
            "/live": health.reasons_not_to_live,
            "/ready": health.reasons_not_to_be_ready,
        }

        class Handler(_Handler):
            ask = staticmethod(lambda path: routes[path]() if path in routes else None)

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()


class _Handler(BaseHTTPRequestHandler):
    ask: Callable[[str], list[str] | None]
    # A probe that connects and says nothing is not waited for.
    timeout = 5

    def do_GET(self) -> None:
        reasons = self.ask(self.path.partition("?")[0])
        if reasons is None:
            self._answer(404, {"error": "Expected /live or /ready."})
        else:
            self._answer(503 if reasons else 200, {"reasons": reasons})

    def _answer(self, code: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Probes are not worth a line each."""
