"""How to enqueue tasks of RQ, run its workers and count its results."""

import os
from collections.abc import Sequence

from redis import Redis
from rq import Queue

from benchmarks.peers.peer import PROCESSES, Peer, python, variant
from benchmarks.peers.rq.tasks import no_op, start


class RQPeer(Peer):
    """Two workers, which by default fork for each job."""

    def prepare(self) -> None:
        self._redis = Redis.from_url(os.environ["REDIS_URL"])
        self._queue = Queue(connection=self._redis)

    def enqueue(self, number: int) -> None:
        self._queue.enqueue(no_op, number)

    def enqueue_many(self, count: int) -> None:
        for first in range(0, count, 1_000):
            numbers = range(first, min(first + 1_000, count))
            self._queue.enqueue_many(
                [Queue.prepare_data(no_op, (number,)) for number in numbers]
            )

    def enqueue_start(self, sent: float) -> None:
        self._queue.enqueue(start, sent)

    def workers(self) -> Sequence[Sequence[str]]:
        command = python(
            *("-m", "rq.cli", "worker", "--url", os.environ["REDIS_URL"]),
            # By default each run is logged, twice.
            "--quiet",
        )
        if variant() == "simple":
            # Runs jobs in the worker's own process: a job that crashes ends the worker.
            command += ["--worker-class", "rq.SimpleWorker"]
        return [command] * PROCESSES

    def finished(self) -> int:
        return self._redis.zcard(self._queue.finished_job_registry.key)


peer = RQPeer()
