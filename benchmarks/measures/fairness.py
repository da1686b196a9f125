"""Whether short tasks wait for a long task that was enqueued before them."""

import time
from collections.abc import Iterable

from benchmarks.report import Figure, measure
from benchmarks.stage import Stage, until


@measure
def fairness(stage: Stage) -> Iterable[Figure]:
    """Measure the longest wait of a short task while one of two processes is busy."""
    yield Figure(
        name="longest wait of short tasks while a task runs for 3 s, 2 processes",
        unit="ms",
        rounds=[_longest_wait(stage) for _ in range(stage.rounds)],
        at_most=500,
    )


def _longest_wait(stage: Stage) -> float:
    from benchmarks.tasks import no_op, take_seconds
    from taskhub.models import Status, TaskResult

    stage.clear()
    shorts = []
    with stage.node("--processes=2"):
        no_op.enqueue(0).get(timeout=60)
        # Short tasks before and after the long one, so that they are reserved together.
        shorts += no_op.enqueue_many((number,) for number in range(20))
        long = take_seconds.enqueue(3)
        shorts += no_op.enqueue_many((number,) for number in range(20))
        until(lambda: long.row.status != Status.READY, "the long one")
        while not long.row.is_finished:
            shorts.append(no_op.enqueue(0))
            time.sleep(0.02)
        until(lambda: not TaskResult.objects.unfinished().exists(), "all")
    rows = TaskResult.objects.filter(pk__in=[each.id for each in shorts])
    return max((row.started_at - row.enqueued_at).total_seconds() for row in rows) * 1e3
