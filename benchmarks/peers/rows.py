"""The rows of the table: each peer, in each of the ways that it is set up."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One way to set a peer up."""

    peer: str
    variant: str
    title: str
    #: Where an outcome can be read when the task has finished.
    results: str

    @property
    def name(self) -> str:
        """What it is called in the report, and its database."""
        return f"{self.peer}-{self.variant}".replace(" ", "-")


#: taskhub first: the ratios are to it.
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
    Return the rows of the peers that are named, or the rows themselves; no name, all.

    Raise ValueError for a name that is neither.
    """
    known = {row.peer for row in ROWS} | {row.name for row in ROWS}
    for name in names:
        if name not in known:
            raise ValueError(f"No peer {name!r}; there are {', '.join(sorted(known))}.")
    return [row for row in ROWS if not names or {row.peer, row.name} & set(names)]
