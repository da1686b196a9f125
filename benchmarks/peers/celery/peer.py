"""How to enqueue tasks of Celery, run its workers and count its results."""

from collections.abc import Sequence

from benchmarks.peers import tally
from benchmarks.peers.celery.tasks import no_op, start
from benchmarks.peers.peer import Peer, python, set_up_django, variant


class CeleryPeer(Peer):
    """One prefork worker with two processes."""

    def prepare(self) -> None:
        set_up_django("django_celery_results_taskresult")

    def enqueue(self, number: int) -> None:
        no_op.delay(number)

    def enqueue_start(self, sent: float) -> None:
        start.delay(sent)

    def workers(self) -> Sequence[Sequence[str]]:
        command = ["-m", "celery", "-A", "benchmarks.peers.celery.tasks", "worker"]
        if variant() != "plain":
            # Otherwise, the worker exchanges messages with others twice a second.
            command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return [python(*command)]

    def finished(self) -> int:
        if variant() == "without results":
            return tally.runs()
        from django_celery_results.models import TaskResult

        return TaskResult.objects.filter(status="SUCCESS").count()


peer = CeleryPeer()
