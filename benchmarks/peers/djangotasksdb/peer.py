"""How to enqueue tasks of django-tasks-db, run its workers and count its results."""

from collections.abc import Sequence

from benchmarks.peers.peer import PROCESSES, Peer, manage, set_up_django


class DjangoTasksDBPeer(Peer):
    """Two workers of one process each."""

    def prepare(self) -> None:
        set_up_django("django_tasks_database_dbtaskresult")
        from benchmarks.peers.djangotasksdb import tasks

        self._tasks = tasks

    def enqueue(self, number: int) -> None:
        self._tasks.no_op.enqueue(number)

    def enqueue_start(self, sent: float) -> None:
        self._tasks.start.enqueue(sent)

    def workers(self) -> Sequence[Sequence[str]]:
        # The delay is for many workers that start at once; it would be measured.
        command = manage("db_worker", "--no-startup-delay", "--verbosity=0")
        return [command] * PROCESSES

    def finished(self) -> int:
        from django_tasks_db.models import DBTaskResult

        return DBTaskResult.objects.filter(status="SUCCESSFUL").count()


peer = DjangoTasksDBPeer()
