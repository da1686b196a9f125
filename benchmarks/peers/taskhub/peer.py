"""How to enqueue tasks of taskhub, run its workers and count its results."""

from collections.abc import Sequence

from benchmarks.peers.peer import PROCESSES, Peer, manage, set_up_django


class TaskHubPeer(Peer):
    """One node with two worker processes."""

    def prepare(self) -> None:
        set_up_django("taskhub_taskresult")
        from benchmarks.peers.taskhub import tasks

        self._tasks = tasks

    def enqueue(self, number: int) -> None:
        self._tasks.no_op.enqueue(number)

    def enqueue_many(self, count: int) -> None:
        for first in range(0, count, 1_000):
            numbers = range(first, min(first + 1_000, count))
            self._tasks.no_op.enqueue_many((number,) for number in numbers)

    def enqueue_start(self, sent: float) -> None:
        self._tasks.start.enqueue(sent)

    def workers(self) -> Sequence[Sequence[str]]:
        return [manage("taskworker", f"--processes={PROCESSES}", "-v0")]

    def finished(self) -> int:
        from taskhub.models import TaskResult

        return TaskResult.objects.successful().count()


peer = TaskHubPeer()
