"""Whether many rows that are finished slow anything down."""

import statistics
import time
from collections.abc import Iterable

from benchmarks.measures.finishing import fill
from benchmarks.report import Figure, measure
from benchmarks.stage import Stage, until

_ROWS = """
INSERT INTO taskhub_taskresult (
    id, task_path, queue_name, backend, priority, status, args, kwargs, errors,
    attempts, worker_ids, enqueued_at, started_at, finished_at, meta, storage_notes,
    cause, place, held_by, returned
)
SELECT
    CAST(lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0')
        || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || lpad(to_hex(n), 15, '0')
        AS uuid),
    'benchmarks.tasks.no_op', 'default', 'default', 0,
    CASE WHEN n %% 50 = 0 THEN 'FAILED' ELSE 'SUCCESSFUL' END,
    jsonb_build_array(n), '{{}}', '[]', 1, '["node-1"]', at, at, at, '{{}}', '{{}}',
    '', '', '', ''
FROM generate_series(1, {rows}) AS n,
    LATERAL (SELECT now() - interval '1 day' + n * interval '50 ms' AS at) AS moments
"""


@measure
def history(stage: Stage) -> Iterable[Figure]:
    """The same rate with a million finished rows in the table, and the admin's list."""
    rows, count = stage.pick(1_000_000, 20_000), stage.pick(20_000, 2_000)
    empty, full = [], []
    for _ in range(stage.rounds):
        stage.clear()
        empty.append(_finish(stage, count))
        _insert(rows)
        full.append(_finish(stage, count))
    yield Figure(
        name=f"finish rate with {rows:,} finished rows, of that without",
        unit="of it",
        rounds=[a / b for a, b in zip(full, empty, strict=True)],
        at_least=0.9,
    )
    yield Figure(
        name=f"the admin's list of results with {rows:,} rows",
        unit="ms",
        rounds=[_list_page() for _ in range(stage.rounds)],
        at_most=100,
    )


def _insert(rows: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_ROWS.format(rows=rows), [])
        cursor.execute("VACUUM ANALYZE taskhub_taskresult")


def _finish(stage: Stage, count: int) -> float:
    """As in finishing.py, with what is in the table left there."""
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


def _list_page() -> float:
    """Return the median of some requests, in milliseconds."""
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.urls import reverse

    users = get_user_model().objects
    admin, _created = users.get_or_create(
        username="admin", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client(HTTP_HOST="localhost")
    client.force_login(admin)
    url = reverse("admin:taskhub_taskresult_changelist")
    moments = []
    for _ in range(11):
        begun = time.perf_counter()
        response = client.get(url)
        moments.append((time.perf_counter() - begun) * 1e3)
        if response.status_code != 200:
            raise RuntimeError(f"{url} answered {response.status_code}")
    return statistics.median(moments)
