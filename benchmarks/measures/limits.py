"""
How fast the machine is without taskhub, as a base for the other figures.

Rates on two machines cannot be compared, but their ratios to these limits can.
"""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.report import Figure, measure
from benchmarks.stage import Stage, per_second, repeat

_A_COMMIT = 100
_A_PIPELINE = 100


@measure
def limits(stage: Stage) -> Iterable[Figure]:
    """Measure how many rows and list items a second one process writes."""
    few, many = stage.pick(3_000, 300), stage.pick(30_000, 3_000)
    works: tuple[tuple[str, int, Callable[[int], None], float], ...] = (
        ("limit: psycopg, one row per commit", few, _insert, 2_425),
        ("limit: Django's `save()`, one row per commit", few, _save, 1_676),
        ("limit: Django's `bulk_create`, 100 per commit", many, _bulk_create, 16_095),
        ("limit: `LPUSH`, one by one", few, lambda n: _push(stage, n), 8_999),
        ("limit: `LPUSH`, 100 per pipeline", many, lambda n: _pipe(stage, n), 175_396),
    )
    for name, size, work, elsewhere in works:
        rounds = repeat(stage, lambda: _rate(stage, size, work))  # noqa: B023
        yield Figure(name=name, unit="/ s", rounds=rounds, elsewhere=elsewhere)


def _rate(stage: Stage, size: int, work: Callable[[int], None]) -> float:
    stage.clear()
    work(10)
    return per_second(size, lambda: work(size))


def _insert(count: int) -> None:
    """Insert rows with eight columns, as many as enqueue() writes for most results."""
    from django.db import connection
    from psycopg.types.json import Jsonb

    from taskhub.models import TaskResult
    from taskhub.models.ids import new_id

    columns = "id, task_path, queue_name, backend, priority, args, kwargs, enqueued_at"
    statement = (
        f"INSERT INTO {TaskResult._meta.db_table} ({columns}) "  # noqa: S608  constants
        "VALUES (%s, %s, %s, %s, %s, %s, %s, now())"
    )
    connection.ensure_connection()
    link: Any = connection.connection
    for number in range(count):
        values = [new_id(), "x.y", "default", "default", 0, Jsonb([number]), Jsonb({})]
        link.execute(statement, values)


def _save(count: int) -> None:
    for number in range(count):
        _row(number).save(force_insert=True)


def _bulk_create(count: int) -> None:
    from taskhub.models import TaskResult

    for first in range(0, count, _A_COMMIT):
        numbers = range(first, first + _A_COMMIT)
        TaskResult.objects.bulk_create([_row(number) for number in numbers])


def _row(number: int) -> Any:
    from taskhub.models import TaskResult

    return TaskResult(task_path="x.y", args=[number])


def _push(stage: Stage, count: int) -> None:
    client = stage.client()
    for _ in range(count):
        client.lpush("limit", b"x" * 200)


def _pipe(stage: Stage, count: int) -> None:
    client = stage.client()
    for _ in range(0, count, _A_PIPELINE):
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(_A_PIPELINE):
                pipeline.lpush("limit", b"x" * 200)
            pipeline.execute()
