"""How many tasks a second finish, with a durable row for each."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from benchmarks.report import Figure, measure
from benchmarks.stage import Stage, repeat, until


def fill(task: Any, count: int, *, argument: Any = None) -> None:
    """Enqueue `count` tasks, a thousand at a time."""
    for first in range(0, count, 1_000):
        numbers = range(first, min(first + 1_000, count))
        task.enqueue_many(
            (number if argument is None else argument,) for number in numbers
        )


def finish(
    stage: Stage,
    task: Any,
    count: int,
    *,
    processes: int = 2,
    nodes: int = 1,
    argument: Any = None,
    queues: str = "default",
) -> float:
    """
    Enqueue `count` tasks, start nodes, and return how many tasks a second finish.

    The clock runs from the start of the first task until the last outcome is committed,
    as another connection sees it.
    """
    from django.db.models import Max, Min

    from taskhub.models import TaskResult

    stage.clear()
    fill(task, count, argument=argument)
    with ExitStack() as running:
        for _ in range(nodes):
            running.enter_context(
                stage.node(
                    f"--processes={processes}",
                    f"--backend={task.backend}",
                    queues=queues,
                )
            )
        until(
            lambda: not TaskResult.objects.unfinished().exists(), "all to be finished"
        )
        committed = time.time()
    times = TaskResult.objects.aggregate(
        first=Min("started_at"), last=Max("finished_at")
    )
    successful = TaskResult.objects.successful().count()
    if successful != count:
        raise RuntimeError(f"{successful} of {count} were successful")
    return count / (committed - times["first"].timestamp())


@measure
def finished(stage: Stage) -> Iterable[Figure]:
    """Measure no-op tasks on both brokers, and async tasks that wait."""
    from benchmarks.tasks import no_op, wait_10_ms

    count = stage.pick(20_000, 2_000)
    yield Figure(
        name="no-op tasks finished, 2 processes, Redis broker",
        unit="/ s",
        rounds=repeat(stage, lambda: finish(stage, no_op, count)),
        at_least=10_000,
    )
    rows = no_op.using(backend="database")
    yield Figure(
        name="the same on the database broker (PostgreSQL)",
        unit="/ s",
        rounds=repeat(stage, lambda: finish(stage, rows, count // 2)),
        at_least=2_500,
    )
    yield Figure(
        name="`async def` tasks that wait 10 ms, one process",
        unit="/ s",
        rounds=repeat(
            stage, lambda: finish(stage, wait_10_ms, count // 2, processes=1)
        ),
        at_least=3_000,
    )
