"""How long a task waits for an idle worker, and how long its result takes."""

import statistics
import time
from collections.abc import Iterable
from typing import Any

from benchmarks.report import Figure, measure
from benchmarks.stage import Stage, until

_PAUSE_SECONDS = 0.02
#: The pause between two polls: polling without a pause would use the worker's core.
_LOOK_SECONDS = 0.0002


@measure
def latency(stage: Stage) -> Iterable[Figure]:
    """Measure from commit to start, and from enqueue() to the result in the table."""
    from benchmarks.tasks import no_op

    samples = stage.pick(300, 30)
    for name, backend, bounds in (
        ("Redis", "default", (0.8, 3.0)),
        ("PostgreSQL", "database", (3.5, None)),
    ):
        task = no_op.using(backend=backend)
        rounds = [_starts(stage, task, samples) for _ in range(stage.rounds)]
        for share, bound in zip((0.5, 0.99), bounds, strict=True):
            yield Figure(
                name=f"idle workers: from commit to start, p{share * 100:.0f}, {name}",
                unit="ms",
                rounds=[_percentile(each, share) for each in rounds],
                at_most=bound,
            )
    yield Figure(
        name="idle workers: from enqueue to result in the table, p50",
        unit="ms",
        rounds=[
            statistics.median(_results(stage, no_op, samples))
            for _ in range(stage.rounds)
        ],
        at_most=4.0,
    )


def _starts(stage: Stage, task: Any, samples: int) -> list[float]:
    """Return the milliseconds from each task's commit to its start."""
    from django.db import transaction

    from taskhub.models import TaskResult

    stage.clear()
    committed: dict[str, float] = {}
    with stage.node("--processes=2", f"--backend={task.backend}"):
        _warm_up(task)
        for number in range(samples):
            moments: list[float] = []
            with transaction.atomic():
                # This runs before the push, which follows the commit.
                transaction.on_commit(
                    lambda moments=moments: moments.append(time.time())
                )
                result = task.enqueue(number)
            committed[result.id] = moments[0]
            time.sleep(_PAUSE_SECONDS)
        until(lambda: not TaskResult.objects.unfinished().exists(), "the last ones")
    rows = TaskResult.objects.filter(pk__in=committed)
    return [(row.started_at.timestamp() - committed[str(row.pk)]) * 1e3 for row in rows]


def _results(stage: Stage, task: Any, samples: int) -> list[float]:
    """Return the milliseconds from each enqueue() to its finished result."""
    from django.db import connection

    stage.clear()
    with stage.node("--processes=2"), connection.cursor() as cursor:
        _warm_up(task)
        found = []
        for number in range(samples):
            begun = time.perf_counter()
            result = task.enqueue(number)
            while True:
                cursor.execute(
                    "SELECT finished_at FROM taskhub_taskresult WHERE id = %s",
                    [result.id],
                )
                if cursor.fetchone()[0] is not None:
                    break
                time.sleep(_LOOK_SECONDS)
            found.append((time.perf_counter() - begun) * 1e3)
            time.sleep(_PAUSE_SECONDS)
    return found


def _warm_up(task: Any) -> None:
    for number in range(10):
        task.enqueue(number).get(timeout=60)


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
