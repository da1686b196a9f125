"""The rows of the table: each configuration of each peer."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One configuration of a peer."""

    peer: str
    variant: str
    title: str
    #: Where an outcome can be read when the task has finished.
    results: str

    @property
    def name(self) -> str:
        """The name of the row in the report, and of its database."""
        return f"{self.peer}-{self.variant}".replace(" ", "-")


#: taskhub is first, since the ratios are relative to it.
ROWS = (
    Row("taskhub", "redis", "taskhub, Redis broker", "PostgreSQL"),
    Row("taskhub", "database", "taskhub, database broker", "PostgreSQL"),
    Row("celery", "plain", "Celery, django-celery-results", "PostgreSQL"),
    Row("celery", "tuned", "the same, tuned", "PostgreSQL"),
    Row("celery", "without results", "the same, tuned, results off", "none"),
    Row("djangoq2", "redis", "django-q2, Redis broker", "PostgreSQL"),
    Row("procrastinate", "postgresql", "procrastinate", "PostgreSQL"),
    Row("djangotasksdb", "database", "django-tasks-db", "PostgreSQL"),
    Row("dramatiq", "rows", "dramatiq, django_dramatiq, 8 threads", "PostgreSQL"),
    Row("dramatiq", "without rows", "the same, without rows", "none"),
    Row("rq", "simple", "RQ, SimpleWorker", "Redis"),
    Row("rq", "forking", "RQ, forking", "Redis"),
    Row("huey", "redis", "huey", "Redis"),
    Row("taskiq", "streams", "taskiq, streams", "Redis"),
    Row("taskiq", "list", "taskiq, list", "Redis"),
)


def choose(names: Sequence[str]) -> list[Row]:
    """
    Return the rows with these names, and the rows of peers with these names.

    Without names, return all rows. Raise ValueError for an unknown name.
    """
    known = {row.peer for row in ROWS} | {row.name for row in ROWS}
    for name in names:
        if name not in known:
            raise ValueError(f"No peer {name!r}; there are {', '.join(sorted(known))}.")
    return [row for row in ROWS if not names or {row.peer, row.name} & set(names)]
