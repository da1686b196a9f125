"""How much CPU a node uses to count the numbers of the overview."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from benchmarks.measures.finishing import fill
from benchmarks.report import Figure, measure
from benchmarks.stage import Stage, until

_A_GROUP = 200
#: The intervals of worker/process/run_monitor.py and worker/steward/chores.py.
_WRITTEN_EVERY_SECONDS = 5.0
_ROLLED_UP_EVERY_SECONDS = 10.0
_PROCESSES = 2


@measure
def counting(stage: Stage) -> Iterable[Figure]:
    """
    Measure the share of a busy node's CPU for counting, writing and rolling up.

    Finish rates with and without these differ by less than rounds do. So the parts are
    timed separately, and compared with the CPU that a busy node uses.
    """
    yield Figure(
        name="share of a busy node's CPU that counts and adds up outcomes",
        unit="%",
        rounds=[_share(stage) for _ in range(stage.rounds)],
        at_most=3.0,
    )


def _share(stage: Stage) -> float:
    from benchmarks.tasks import no_op
    from taskhub.operations.metrics.rollup import roll_up
    from taskhub.writer import Tally
    from taskhub.writer.tally import write_metrics

    count = stage.pick(30_000, 2_000)
    seconds, used = _busy_node(stage, no_op, count)

    group = [_outcome(no_op) for _ in range(_A_GROUP)]
    tally = Tally()
    groups = count // _A_GROUP
    counted = _cpu_seconds(lambda: [tally.count(group) for _ in range(groups)])
    written = _cpu_seconds(lambda: write_metrics(tally.take()))
    rolled_up = _cpu_seconds(roll_up)

    numbers = _PROCESSES * written / _WRITTEN_EVERY_SECONDS
    numbers += rolled_up / _ROLLED_UP_EVERY_SECONDS
    return 100 * (counted + numbers * seconds) / used


def _busy_node(stage: Stage, task: Any, count: int) -> tuple[float, float]:
    """Return how many seconds `count` tasks keep a node busy, and its CPU seconds."""
    from taskhub.models import TaskResult

    stage.clear()
    with stage.node(f"--processes={_PROCESSES}") as node:
        task.enqueue(0).get(timeout=60)
        before, begun = node.cpu_seconds(), time.perf_counter()
        fill(task, count)
        until(lambda: not TaskResult.objects.unfinished().exists(), "the last one")
        return time.perf_counter() - begun, node.cpu_seconds() - before


def _outcome(task: Any) -> Any:
    from taskhub.messages import Message
    from taskhub.models import Status
    from taskhub.models.ids import new_id
    from taskhub.writer import Attempt, Outcome

    now = datetime.now(UTC)
    message = Message(
        id=new_id(),
        task_path=task.module_path,
        args=[1],
        kwargs={},
        queue_name=task.queue_name,
        priority=0,
        backend="default",
        enqueued_at=now,
    )
    attempt = Attempt.first(message, "worker")
    return Outcome(attempt=attempt, status=Status.SUCCESSFUL, finished_at=now)


def _cpu_seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
