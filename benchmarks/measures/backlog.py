"""Whether many messages that wait slow down those that run."""

import time
from collections.abc import Iterable

from benchmarks.measures.finishing import fill
from benchmarks.report import Figure, measure
from benchmarks.stage import Stage, until


@measure
def backlog(stage: Stage) -> Iterable[Figure]:
    """The same rate with a million messages as with ten thousand, and their size."""
    many, few = stage.pick(1_000_000, 20_000), stage.pick(10_000, 2_000)
    small = [_rate(stage, few)[0] for _ in range(stage.rounds)]
    rate, bytes_a_message, grown = _rate(stage, many)
    yield Figure(
        name=f"finish rate with {many:,} messages waiting, of that with {few:,}",
        unit="of it",
        rounds=[rate / each for each in small],
        at_least=0.9,
    )
    yield Figure(
        name="Redis memory a message",
        unit="bytes",
        rounds=[bytes_a_message],
        at_most=600,
    )
    yield Figure(
        name="growth of the largest worker meanwhile",
        unit="MiB",
        rounds=[grown],
        at_most=10,
    )


def _rate(stage: Stage, waiting: int) -> tuple[float, float, float]:
    """Return tasks a second, bytes a message, and by how many MiB a worker grew."""
    from benchmarks.tasks import no_op
    from taskhub.models import TaskResult

    stage.clear()
    client = stage.client()
    empty = client.info("memory")["used_memory"]
    fill(no_op, waiting)
    bytes_a_message = (client.info("memory")["used_memory"] - empty) / waiting
    finished = TaskResult.objects.finished().count
    with stage.node("--processes=2") as node:
        until(lambda: finished() > waiting // 10, "the beginning")
        size, before, begun = node.largest_mib(), finished(), time.perf_counter()
        until(lambda: finished() > waiting // 10 * 9 or _is_long(begun), "most of it")
        rate = (finished() - before) / (time.perf_counter() - begun)
        grown = node.largest_mib() - size
    return rate, bytes_a_message, grown


def _is_long(begun: float) -> bool:
    return time.perf_counter() - begun > 20
