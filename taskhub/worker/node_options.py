"""The options of a node."""

import os
import secrets
import socket
from dataclasses import dataclass
from functools import cached_property

from taskhub.conf import Config


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """The options of one invocation of `taskworker`."""

    config: Config
    queues: tuple[str, ...]
    processes: int
    #: How many sync tasks each process runs at a time.
    threads: int
    #: How many `async def` tasks each process runs at a time.
    async_tasks: int
    #: The time from a signal to stop to the end of the node.
    grace_seconds: float
    #: A process is replaced after this number of tasks.
    tasks_per_process: int | None = None
    #: A process is replaced when it is larger, in MiB, after a task.
    memory_per_process: int | None = None
    #: Where health probes are answered; None for nowhere.
    health_host: str = "127.0.0.1"
    health_port: int | None = None
    #: Whether to end when the queues are empty.
    drain: bool = False

    @property
    def running_seconds(self) -> float:
        """How long tasks may run after a signal; the rest is for writing outcomes."""
        return max(0.0, self.grace_seconds - min(3.0, self.grace_seconds / 5))

    @cached_property
    def name(self) -> str:
        """The host, the pid, and a random part, since containers repeat their pids."""
        return f"{self.host}-{os.getpid()}-{secrets.token_hex(3)}"

    @property
    def host(self) -> str:
        return socket.gethostname().partition(".")[0][:60]

    def make_token(self, serial: int) -> str:
        """Return the token of a worker process: its name in the broker and in rows."""
        return f"{self.name}-{serial}"
