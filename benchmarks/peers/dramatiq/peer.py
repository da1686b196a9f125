"""How to enqueue tasks of dramatiq, run its workers and count its results."""

from collections.abc import Sequence

from benchmarks.peers import tally
from benchmarks.peers.peer import PROCESSES, Peer, manage, set_up_django, variant


class DramatiqPeer(Peer):
    """Two worker processes of eight threads each, its default."""

    def prepare(self) -> None:
        set_up_django("django_dramatiq_task")
        from benchmarks.peers.dramatiq import tasks

        self._tasks = tasks

    def enqueue(self, number: int) -> None:
        self._tasks.no_op.send(number)

    def enqueue_start(self, sent: float) -> None:
        self._tasks.start.send(sent)

    def workers(self) -> Sequence[Sequence[str]]:
        return [manage("rundramatiq", f"--processes={PROCESSES}", "--threads=8")]

    def finished(self) -> int:
        if variant() != "rows":
            return tally.runs()
        from django_dramatiq.models import Task

        return Task.tasks.filter(status=Task.STATUS_DONE).count()


peer = DramatiqPeer()
