"""How to enqueue tasks of django-q2, run its workers and count its results."""

from collections.abc import Sequence

from benchmarks.peers.peer import Peer, manage, set_up_django


class DjangoQ2Peer(Peer):
    """One cluster with two worker processes, beside its guard, pusher and monitor."""

    def prepare(self) -> None:
        set_up_django("django_q_task")
        from django_q.tasks import async_task

        self._async_task = async_task

    def enqueue(self, number: int) -> None:
        self._async_task("benchmarks.peers.djangoq2.tasks.no_op", number)

    def enqueue_start(self, sent: float) -> None:
        self._async_task("benchmarks.peers.djangoq2.tasks.start", sent)

    def workers(self) -> Sequence[Sequence[str]]:
        return [manage("qcluster")]

    def finished(self) -> int:
        from django_q.models import Success

        return Success.objects.count()


peer = DjangoQ2Peer()
