"""Whether many finished rows slow down workers."""

import time
from collections.abc import Iterable

from benchmarks.measures.finishing import fill
from benchmarks.report import Figure, measure
from benchmarks.rows import insert_finished
from benchmarks.stage import Stage, until


@measure
def history(stage: Stage) -> Iterable[Figure]:
    """Compare the rates with a million finished rows in the table and with none."""
    rows, count = stage.pick(1_000_000, 20_000), stage.pick(40_000, 2_000)
    empty, full = [], []
    for _ in range(stage.rounds):
        stage.clear()
        empty.append(_finish(stage, count))
        insert_finished(rows)
        full.append(_finish(stage, count))
    yield Figure(
        name=f"finish rate with {rows:,} finished rows, compared with none",
        unit="of that rate",
        rounds=[a / b for a, b in zip(full, empty, strict=True)],
        at_least=0.9,
    )


def _finish(stage: Stage, count: int) -> float:
    """Measure as in finishing.py, but keep the rows that are in the table."""
    from django.db.models import Min

    from benchmarks.tasks import no_op
    from taskhub.models import TaskResult

    last = TaskResult.objects.order_by("-id").values_list("pk", flat=True).first()
    fill(no_op, count)
    with stage.node("--processes=2"):
        until(
            lambda: not TaskResult.objects.unfinished().exists(), "all to be finished"
        )
        committed = time.time()
    new = (
        TaskResult.objects.all()
        if last is None
        else TaskResult.objects.filter(id__gt=last)
    )
    first = new.aggregate(at=Min("started_at"))["at"]
    return count / (committed - first.timestamp())
