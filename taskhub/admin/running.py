"""What worker processes run now, asked once for a whole page."""

from collections import defaultdict

from taskhub.models import TaskResult
from taskhub.models.results.querysets import TaskResultQuerySet

#: So many running results are looked at for a page.
_MOST_RUNNING = 1_000


def running_by_token(results: TaskResultQuerySet) -> dict[str, list[TaskResult]]:
    """Return those of the results that are being run, by the token of the process."""
    running: dict[str, list[TaskResult]] = defaultdict(list)
    shown = results.running().only("id", "task_path", "last_attempted_at", "worker_ids")
    for row in shown[:_MOST_RUNNING]:
        for token in row.worker_ids[-1:]:
            running[token].append(row)
    return running
