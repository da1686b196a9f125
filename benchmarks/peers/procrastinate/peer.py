"""How to enqueue tasks of procrastinate, run its workers and count its results."""

from collections.abc import Sequence

from benchmarks.peers.peer import PROCESSES, Peer, manage, set_up_django


class ProcrastinatePeer(Peer):
    """Two workers of one process each."""

    def prepare(self) -> None:
        set_up_django("procrastinate_jobs")
        from benchmarks.peers.procrastinate import tasks

        self._tasks = tasks

    def enqueue(self, number: int) -> None:
        self._tasks.no_op.defer(number=number)

    def enqueue_many(self, count: int) -> None:
        for first in range(0, count, 1_000):
            numbers = range(first, min(first + 1_000, count))
            self._tasks.no_op.batch_defer(*({"number": number} for number in numbers))

    def enqueue_start(self, sent: float) -> None:
        self._tasks.start.defer(sent=sent)

    def workers(self) -> Sequence[Sequence[str]]:
        # By default, a process runs one task at a time, and idles as it stores results.
        command = manage("procrastinate", "worker", "--concurrency=10")
        return [command] * PROCESSES

    def finished(self) -> int:
        from procrastinate.contrib.django.models import ProcrastinateJob

        return ProcrastinateJob.objects.filter(status="succeeded").count()


peer = ProcrastinatePeer()
