"""
Lingering runs: functions that still run though nobody waits for their outcome.

Their result was cancelled, has finished, was deleted, or belongs to another attempt by
now. Such a run keeps its process busy, and no row says so: the steward finds it by
comparing the scoreboard with the rows, and the node's row tells of it.

A process ends what was cancelled by force within two seconds. One that cannot, since
its task keeps the interpreter to itself, is killed by the supervisor.
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

#: What has been running for less is not asked about: it may be about to end.
_LASTING_SECONDS = 1.0
#: Of what a node runs, the oldest are asked about, so many in one query.
_MAX_ASKED = 1_000
_BATCH = 500
#: How long a process has for ending what was cancelled by force.
_OBEY_SECONDS = 4.0
#: A result that finished less than this ago may still have its run on the scoreboard.
_SETTLED = timedelta(seconds=1)

#: A run: the token of its process, the result, the attempt.
_Key = tuple[str, UUID, int]


class LingeringRuns:
    """Looks for them, whenever the node tells of itself. `kill` is given a token."""

    def __init__(self, scoreboard: Scoreboard, kill: Callable[[str], None]) -> None:
        self._scoreboard = scoreboard
        self._kill = kill
        #: When each was first seen, by our clock: of a deleted row nobody knows more.
        self._seen: dict[_Key, datetime] = {}
        #: Since when each was seen to be cancelled by force, by time.monotonic().
        self._forced: dict[_Key, float] = {}

    def find(self, living: Mapping[str, int]) -> dict[str, list[dict[str, Any]]]:
        """
        Return what processes still run that they should not, by their tokens.

        `living` gives the pid of each token. Blocks for a query for every 500 runs that
        have lasted for a second, and for one more if there is something to tell.
        """
        asked = self._shown(living)
        rows = _read_rows({run.id for _token, run in asked})
        # What has ended meanwhile has changed its row, as it should.
        still = set(self._shown(living))
        found: dict[_Key, tuple[ShownRun, dict[str, Any]]] = {}
        for token, run in asked:
            if (token, run) not in still:
                continue
            key = (token, run.id, run.attempt)
            if entry := self._judge(key, run, rows.get(run.id)):
                found[key] = (run, entry)
        self._seen = {key: at for key, at in self._seen.items() if key in found}
        self._enforce(found)
        told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for (token, *_rest), (_run, entry) in found.items():
            told[token].append(entry)
        return told

    def _shown(self, living: Mapping[str, int]) -> list[tuple[str, ShownRun]]:
        lasting = [
            (token, run)
            for token, pid in living.items()
            for run in self._scoreboard.runs_of(pid)
            if run.seconds >= _LASTING_SECONDS
        ]
        return sorted(lasting, key=lambda each: each[1].began_at)[:_MAX_ASKED]

    def _judge(
        self, key: _Key, run: ShownRun, row: TaskResult | None
    ) -> dict[str, Any] | None:
        """Return what to tell of a run; None if all is as it should be."""
        token, pk, attempt = key
        if row is not None:
            because, since = _compare(row, token, attempt)
        else:
            because, since = (Because.DELETED if run.is_durable else None), None
        if because is None:
            return None
        since = since or self._seen.setdefault(key, datetime.now(UTC))
        if because == Because.FINISHED and datetime.now(UTC) - since < _SETTLED:
            return None
        return {
            "id": str(pk),
            "attempt": attempt,
            "task_path": row.task_path if row else "",
            "because": because.value,
            "since": since.isoformat(),
        }

    def _enforce(self, found: Mapping[_Key, tuple[ShownRun, dict[str, Any]]]) -> None:
        """Have processes killed that do not end what was cancelled by force."""
        cancelled = {
            key
            for key, (run, entry) in found.items()
            # What its process has given up on ends with it, after its other runs.
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
            if now - since >= _OBEY_SECONDS
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
        for start in range(0, len(wanted), _BATCH)
        for row in rows.filter(pk__in=wanted[start : start + _BATCH])
    }


def _compare(
    row: TaskResult, token: str, attempt: int
) -> tuple[Because | None, datetime | None]:
    """Return why a row is not the run's any more, and since when."""
    if row.status == Status.CANCELLED:
        return Because.CANCELLED, row.finished_at
    if row.is_finished:
        return Because.FINISHED, row.finished_at
    is_own = row.attempts == attempt and row.worker_ids[-1:] == [token]
    if row.attempts == 0 or (is_own and row.status == Status.RUNNING):
        return None, None
    is_running = row.status == Status.RUNNING
    return Because.OVERTAKEN, row.last_attempted_at if is_running else row.run_after
