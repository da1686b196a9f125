"""
The tally: counts of the outcomes that a process has written.

Only committed outcomes are counted, so that metrics and rows agree. The counts are
written some seconds later, in the transaction of another group. If the process is
killed, the counts of these seconds are lost, but no row is.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from threading import Lock

import msgspec

from taskhub.foundation.histogram import Histogram, bucket_of
from taskhub.models import Status, TaskMetrics
from taskhub.models.ids import new_id
from taskhub.models.metrics import FRESH, MINUTE
from taskhub.writer.attempts import Outcome

_Key = tuple[int, str, str]


class _Counts(msgspec.Struct):
    """The counts of one task in one queue within one minute."""

    successful: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    waits: Histogram = {}
    runs: Histogram = {}
    run_seconds: float = 0.0
    #: In seconds.
    longest_run: float = 0.0


class Tally:
    """Counts outcomes. Any thread may call its methods."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[_Key, _Counts] = {}

    @property
    def is_empty(self) -> bool:
        return not self._counts

    def count(self, outcomes: Iterable[Outcome]) -> None:
        with self._lock:
            for outcome in outcomes:
                self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        attempt = outcome.attempt
        message = attempt.message
        finished = outcome.finished_at.timestamp()
        key = (int(finished) // MINUTE, message.task_path, message.queue_name)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = _Counts()
        match outcome.status:
            case Status.SUCCESSFUL:
                counts.successful += 1
            case Status.FAILED:
                counts.failed += 1
            case Status.READY:
                counts.retried += 1
            case Status.ON_HOLD:
                # Counted when a person has decided.
                pass
            case _:
                counts.cancelled += 1
        if not outcome.was_started:
            return
        started = attempt.started_at.timestamp()
        due = (attempt.run_after or message.enqueued_at).timestamp()
        _add(counts.waits, started - due)
        _add(counts.runs, ran := finished - started)
        counts.run_seconds += ran
        counts.longest_run = max(counts.longest_run, ran)

    def count_decided(self, task_path: str, queue_name: str, status: str) -> None:
        """Count a result that a person has cancelled, or decided about."""
        minute = int(datetime.now(UTC).timestamp()) // MINUTE
        with self._lock:
            counts = self._counts.setdefault((minute, task_path, queue_name), _Counts())
            match status:
                case Status.SUCCESSFUL:
                    counts.successful += 1
                case Status.FAILED:
                    counts.failed += 1
                case _:
                    counts.cancelled += 1

    def take(self) -> list[TaskMetrics]:
        """Return the counts as rows to be written, and start from zero."""
        with self._lock:
            counted, self._counts = self._counts, {}
        return [
            TaskMetrics(
                id=new_id(),
                starts_at=datetime.fromtimestamp(minute * MINUTE, UTC),
                seconds=FRESH,
                task_path=task_path,
                queue_name=queue_name,
                **msgspec.structs.asdict(counts),
            )
            for (minute, task_path, queue_name), counts in counted.items()
        ]


def write_metrics(rows: Collection[TaskMetrics]) -> None:
    """Insert rows of metrics. A repeated call with the same rows changes nothing."""
    if rows:
        TaskMetrics.writing.bulk_create(rows, ignore_conflicts=True)


def _add(histogram: Histogram, seconds: float) -> None:
    bucket = bucket_of(seconds)
    histogram[bucket] = histogram.get(bucket, 0) + 1
