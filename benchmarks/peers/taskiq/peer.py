"""How to enqueue tasks of taskiq, run its workers and count its results."""

import asyncio
from collections.abc import Sequence

from redis import Redis

from benchmarks.peers.peer import PROCESSES, Peer, python
from benchmarks.peers.taskiq.tasks import RESULTS_URL, broker, no_op, start


class TaskiqPeer(Peer):
    """Two worker processes, each with an event loop."""

    def prepare(self) -> None:
        # taskiq is asynchronous; sync code would call it in this way.
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(broker.startup())
        self._results = Redis.from_url(RESULTS_URL)

    def enqueue(self, number: int) -> None:
        self._loop.run_until_complete(no_op.kiq(number))

    def enqueue_start(self, sent: float) -> None:
        self._loop.run_until_complete(start.kiq(sent))

    def workers(self) -> Sequence[Sequence[str]]:
        return [
            python(
                *("-m", "taskiq", "worker", "benchmarks.peers.taskiq.tasks:broker"),
                f"--workers={PROCESSES}",
                # By default each run is logged.
                "--log-level=WARNING",
            )
        ]

    def finished(self) -> int:
        return self._results.dbsize()


peer = TaskiqPeer()
