"""What an operator asked a node to be."""

import os
import secrets
import socket
from dataclasses import dataclass
from functools import cached_property

from taskhub.conf import Config


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """One invocation of `taskworker`, as its options describe it."""

    config: Config
    queues: tuple[str, ...]
    processes: int
    #: Sync tasks at a time, in each process.
    threads: int
    #: `async def` tasks at a time, in each process.
    async_tasks: int
    #: How long after a signal to stop it has ended.
    grace_seconds: float
    #: A process is replaced after so many tasks, and after a task if it has grown
    #: beyond so many MiB.
    tasks_per_process: int | None = None
    memory_per_process: int | None = None
    #: Where probes are answered, if anywhere.
    health_host: str = "127.0.0.1"
    health_port: int | None = None
    #: Whether to end when the queues are empty.
    drain: bool = False

    @property
    def running_seconds(self) -> float:
        """How long what runs may go on after a signal; the rest is for writing."""
        return max(0.0, self.grace_seconds - min(3.0, self.grace_seconds / 5))

    @cached_property
    def name(self) -> str:
        """Host, process id, and what a restarted container does not repeat."""
        return f"{self.host}-{os.getpid()}-{secrets.token_hex(3)}"

    @property
    def host(self) -> str:
        """The short name of the machine."""
        return socket.gethostname().partition(".")[0][:60]

    def make_token(self, serial: int) -> str:
        """Name a worker process; it holds messages, and signs rows, under this name."""
        return f"{self.name}-{serial}"
