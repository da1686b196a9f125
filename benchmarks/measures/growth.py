"""How the finish rate changes with the number of processes, nodes and queues."""

from collections.abc import Iterable

from benchmarks.measures.finishing import finish
from benchmarks.report import Series, measure
from benchmarks.stage import Stage


@measure
def growth(stage: Stage) -> Iterable[Series]:
    """Measure finish rates by processes, nodes, arguments, messages and queues."""
    from benchmarks.tasks import carry, no_op

    count = stage.pick(20_000, 1_000)
    yield _line(
        "processes",
        [(n, finish(stage, no_op, count, processes=n)) for n in (1, 2, 4, 8)],
    )
    yield _line(
        "nodes of one process",
        [(n, finish(stage, no_op, count, processes=1, nodes=n)) for n in (1, 2, 3, 4)],
    )
    yield _line(
        "bytes of an argument",
        [
            (
                size,
                finish(
                    stage,
                    carry,
                    max(500, count * 1_000 // (size + 1_000)),
                    argument="x" * size,
                ),
            )
            for size in (100, 1_000, 10_000, 100_000)
        ],
    )
    yield _line(
        "messages waiting",
        [
            (size, finish(stage, no_op, size))
            for size in (1_000, 10_000, stage.pick(100_000, 20_000))
        ],
    )
    yield _line(
        "queues",
        [
            (n, finish(stage, _Spread(n), count, queues=",".join(_names(n))))
            for n in (1, 10, 100)
        ],
    )


def _line(x_name: str, points: list[tuple[float, float]]) -> Series:
    return Series(
        name=f"tasks finished per second, by {x_name}",
        x_name=x_name,
        y_name="/ s",
        points=points,
    )


def _names(queues: int) -> list[str]:
    return [f"queue-{number}" for number in range(queues)]


class _Spread:
    """No-op tasks that are spread over a number of queues."""

    backend = "default"

    def __init__(self, queues: int) -> None:
        self._queues = queues

    def enqueue_many(self, calls: Iterable[tuple[object, ...]]) -> None:
        """Enqueue a part of the calls in each queue."""
        from benchmarks.tasks import no_op

        all_calls = list(calls)
        for number, name in enumerate(_names(self._queues)):
            part = all_calls[number :: self._queues]
            no_op.using(queue_name=name).enqueue_many(part)
