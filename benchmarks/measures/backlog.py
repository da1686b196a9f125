"""Whether many waiting messages slow down workers."""

import time
from collections.abc import Iterable

from benchmarks.measures.finishing import fill
from benchmarks.report import Figure, measure
from benchmarks.rows import settle
from benchmarks.stage import Stage, until


@measure
def backlog(stage: Stage) -> Iterable[Figure]:
    """Compare the rates with a million and ten thousand messages; measure memory."""
    from benchmarks.tasks import no_op

    many, few = stage.pick(1_000_000, 20_000), stage.pick(10_000, 2_000)
    small = []
    for _ in range(stage.rounds):
        stage.clear()
        fill(no_op, few)
        small.append(_finish_some(stage, few)[0])

    stage.clear()
    client = stage.client()
    empty = client.info("memory")["used_memory"]
    fill(no_op, many)
    bytes_a_message = (client.info("memory")["used_memory"] - empty) / many
    settle()
    large = [_finish_some(stage, few)[0] for _ in range(stage.rounds)]
    _rate, grown = _finish_some(stage, many // 3)

    yield Figure(
        name=f"finish rate with {many:,} messages waiting, compared with {few:,}",
        unit="of that rate",
        rounds=[a / b for a, b in zip(large, small, strict=True)],
        at_least=0.9,
    )
    yield Figure(
        name="Redis memory per message",
        unit="bytes",
        rounds=[bytes_a_message],
        at_most=600,
    )
    yield Figure(
        name=f"memory growth of the largest worker process, {many:,} messages",
        unit="MiB",
        rounds=[grown],
        at_most=10,
    )


def _finish_some(stage: Stage, count: int) -> tuple[float, float]:
    """
    Start a node that finishes `count` of the waiting messages.

    Return the rate per second, without the first and the last of them, and by how many
    MiB the largest process of the node grew.
    """
    margin = count // 10
    before = _waiting()
    with stage.node("--processes=2") as node:
        until(lambda: before - _waiting() > margin, "the beginning")
        size, first, begun = node.largest_mib(), _waiting(), time.perf_counter()
        until(lambda: before - _waiting() > count - margin, "most of it")
        rate = (first - _waiting()) / (time.perf_counter() - begun)
        return rate, node.largest_mib() - size


def _waiting() -> int:
    """Count messages in Redis: counting a million rows would occupy a core."""
    from taskhub.brokers import get_broker
    from taskhub.compat import django_tasks as compat

    depth = get_broker(compat.task_backends["default"].config).depth("default")
    return depth.delayed + depth.ready + depth.held
