"""How many tasks a second one process enqueues."""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.measures.finishing import fill
from benchmarks.report import Figure, measure
from benchmarks.stage import Stage, per_second, repeat


@measure
def enqueued(stage: Stage) -> Iterable[Figure]:
    """Enqueue one by one and in bulk, durable and not durable."""
    from benchmarks.tasks import no_op

    few, many = stage.pick(3_000, 300), stage.pick(30_000, 3_000)
    fleeting = no_op.using(durable=False)
    for name, size, work, least in (
        ("enqueued one by one, durable", few, lambda: _one_by_one(no_op, few), 1_400),
        ("… in one transaction", few, lambda: _in_a_transaction(no_op, few), 3_000),
        ("… by `enqueue_many`", many, lambda: fill(no_op, many), 15_000),
        ("… with `durable=False`", few, lambda: _one_by_one(fleeting, few), 7_000),
    ):
        yield Figure(
            name=name, unit="/ s", rounds=_rates(stage, size, work), at_least=least
        )


def _rates(stage: Stage, size: int, work: Callable[[], None]) -> list[float]:
    def once() -> float:
        stage.clear()
        return per_second(size, work)

    return repeat(stage, once)


def _one_by_one(task: Any, count: int) -> None:
    for number in range(count):
        task.enqueue(number)


def _in_a_transaction(task: Any, count: int) -> None:
    from django.db import transaction

    with transaction.atomic():
        _one_by_one(task, count)
