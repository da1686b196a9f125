"""
Lingering runs: tasks that still run though their outcome is not needed.

Their result was cancelled, has finished, was deleted, or belongs to another attempt by
now. Such a run keeps its process busy, and its result's row does not show it. The
steward compares the scoreboard with the rows, and writes these runs to the node's row.

A process ends a run that was cancelled by force within two seconds. If it cannot, since
the task holds the GIL, the supervisor kills it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from taskhub import writer
from taskhub.models import Status, TaskResult
from taskhub.models.results.lingering import Because
from taskhub.worker.scoreboard import Scoreboard, ShownRun

#: Shorter runs are not checked: they may be about to end.
_MIN_SECONDS = 1.0
#: How many runs of a node are checked at most; the oldest are checked.
_MAX_CHECKED = 1_000
_MAX_ROWS_PER_QUERY = 500
#: How long a process has to end a run that was cancelled by force.
_FORCE_SECONDS = 4.0
#: How long the run of a finished result may still be on the scoreboard.
_SETTLE_TIME = timedelta(seconds=1)

#: A run: the token of its process, the result, the attempt.
_Key = tuple[str, UUID, int]


class LingeringRuns:
    """Finds lingering runs. `kill` is called with the token of a process."""

    def __init__(self, scoreboard: Scoreboard, kill: Callable[[str], None]) -> None:
        self._scoreboard = scoreboard
        self._kill = kill
        #: When each run was first seen, by this machine's clock; used for deleted rows.
        self._seen: dict[_Key, datetime] = {}
        #: When each run was first seen as cancelled by force, by time.monotonic().
        self._forced: dict[_Key, float] = {}

    def find(self, living: Mapping[str, int]) -> dict[str, list[dict[str, Any]]]:
        """
        Return the lingering runs of each token, as in `Node.workers`.

        `living` has the pid of each token. Block for a query for every 500 runs that
        have lasted a second, and for one more if any run was cancelled.
        """
        checked = self._shown(living)
        rows = _read_rows({run.id for _token, run in checked})
        # Runs that have ended in the meantime have changed their rows.
        still = set(self._shown(living))
        found: dict[_Key, tuple[ShownRun, dict[str, Any]]] = {}
        for token, run in checked:
            if (token, run) not in still:
                continue
            key = (token, run.id, run.attempt)
            if entry := self._judge(key, run, rows.get(run.id)):
                found[key] = (run, entry)
        self._seen = {key: at for key, at in self._seen.items() if key in found}
        self._enforce(found)
        by_token: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for (token, *_rest), (_run, entry) in found.items():
            by_token[token].append(entry)
        return by_token

    def _shown(self, living: Mapping[str, int]) -> list[tuple[str, ShownRun]]:
        lasting = [
            (token, run)
            for token, pid in living.items()
            for run in self._scoreboard.runs_of(pid)
            if run.seconds >= _MIN_SECONDS
        ]
        return sorted(lasting, key=lambda each: each[1].began_at)[:_MAX_CHECKED]

    def _judge(
        self, key: _Key, run: ShownRun, row: TaskResult | None
    ) -> dict[str, Any] | None:
        """Return the entry for a run; None if it is not lingering."""
        token, pk, attempt = key
        if row is not None:
            because, since = _compare(row, token, attempt)
        else:
            because, since = (Because.DELETED if run.is_durable else None), None
        if because is None:
            return None
        since = since or self._seen.setdefault(key, datetime.now(UTC))
        if because == Because.FINISHED and datetime.now(UTC) - since < _SETTLE_TIME:
            return None
        return {
            "id": str(pk),
            "attempt": attempt,
            "task_path": row.task_path if row else "",
            "because": because.value,
            "since": since.isoformat(),
        }

    def _enforce(self, found: Mapping[_Key, tuple[ShownRun, dict[str, Any]]]) -> None:
        """Kill processes that do not end runs that were cancelled by force."""
        cancelled = {
            key
            for key, (run, entry) in found.items()
            # A process that has given up a run ends after its other runs.
            if entry["because"] == Because.CANCELLED and not run.is_given_up
        }
        by_force = (
            writer.read_cancelled({pk for _, pk, _ in cancelled}) if cancelled else {}
        )
        now = time.monotonic()
        self._forced = {
            key: self._forced.get(key, now) for key in cancelled if by_force.get(key[1])
        }
        overdue = {
            token
            for (token, _, _), since in self._forced.items()
            if now - since >= _FORCE_SECONDS
        }
        for token in overdue:
            self._kill(token)


def _read_rows(pks: set[UUID]) -> dict[UUID, TaskResult]:
    rows = TaskResult.writing.only(
        "id",
        "task_path",
        "status",
        "attempts",
        "worker_ids",
        "run_after",
        "last_attempted_at",
        "finished_at",
    )
    wanted = list(pks)
    return {
        row.pk: row
        for start in range(0, len(wanted), _MAX_ROWS_PER_QUERY)
        for row in rows.filter(pk__in=wanted[start : start + _MAX_ROWS_PER_QUERY])
    }


def _compare(
    row: TaskResult, token: str, attempt: int
) -> tuple[Because | None, datetime | None]:
    """
    Return why a run does not own its row any more, and since when.

    Return None for both if the run owns the row, or may still get it.
    """
    if row.status == Status.CANCELLED:
        return Because.CANCELLED, row.finished_at
    if row.is_finished:
        return Because.FINISHED, row.finished_at
    is_own = row.attempts == attempt and row.worker_ids[-1:] == [token]
    if row.attempts == 0 or (is_own and row.status == Status.RUNNING):
        return None, None
    is_running = row.status == Status.RUNNING
    return Because.OVERTAKEN, row.last_attempted_at if is_running else row.run_after
