"""How to enqueue tasks of huey, run its workers and count its results."""

from collections.abc import Sequence

from benchmarks.peers.huey.tasks import huey, no_op, start
from benchmarks.peers.peer import PROCESSES, Peer, python


class HueyPeer(Peer):
    """One consumer with two worker processes."""

    def prepare(self) -> None:
        # The servers' Redis is emptied before each round.
        pass

    def enqueue(self, number: int) -> None:
        no_op(number)

    def enqueue_start(self, sent: float) -> None:
        start(sent)

    def workers(self) -> Sequence[Sequence[str]]:
        return [
            python(
                *("-m", "huey.bin.huey_consumer", "benchmarks.peers.huey.tasks.huey"),
                # Processes, since the other peers run tasks in processes, too.
                *("--worker-type", "process", "--workers", str(PROCESSES)),
                # Nothing is scheduled here.
                "--no-periodic",
                # By default each run is logged.
                "--quiet",
            )
        ]

    def finished(self) -> int:
        return huey.result_count()


peer = HueyPeer()
