"""How long the admin's pages take with a million rows in the table."""

import statistics
import time
from collections.abc import Iterable
from typing import Any

from benchmarks.measures.finishing import fill
from benchmarks.report import Figure, measure
from benchmarks.rows import insert_finished
from benchmarks.stage import Stage

#: The name of each page, with the name of its URL and its query.
_PAGES = {
    "the overview": ("taskhub_taskmetrics_changelist", ""),
    "queues": ("taskhub_queuestate_changelist", ""),
    "nodes": ("taskhub_node_changelist", ""),
    "results": ("taskhub_taskresult_changelist", ""),
    "results, failed": ("taskhub_taskresult_changelist", "?status=FAILED"),
    "results, `user_id=42`": ("taskhub_taskresult_changelist", "?q=user_id%3D42"),
    "results, by error": ("taskhub_taskresult_changelist", "?status=FAILED&q=thing"),
    "failures by cause": ("taskhub_taskresult_failures", ""),
    "periodic tasks": ("taskhub_periodictask_changelist", ""),
    "enqueue by hand": ("taskhub_taskresult_enqueue", ""),
}


@measure
def pages(stage: Stage) -> Iterable[Figure]:
    """Measure each page of the admin with a test client, without a network."""
    from benchmarks.tasks import no_op

    rows, waiting = stage.pick(1_000_000, 20_000), stage.pick(10_000, 1_000)
    stage.clear()
    insert_finished(rows)
    fill(no_op, waiting)
    client = _sign_in()
    for name, (url_name, query) in _PAGES.items():
        yield Figure(
            name=f"page with {rows:,} finished and {waiting:,} waiting rows: {name}",
            unit="ms",
            rounds=[_answer(client, url_name, query) for _ in range(stage.rounds)],
            at_most=100 if name == "results" else 150,
        )


def _sign_in() -> Any:
    from django.contrib.auth import get_user_model
    from django.test import Client

    admin, _created = get_user_model().objects.get_or_create(
        username="admin", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client(HTTP_HOST="localhost")
    client.force_login(admin)
    return client


def _answer(client: Any, url_name: str, query: str) -> float:
    """Return the median of some requests, in milliseconds."""
    from django.urls import reverse

    url = reverse(f"admin:{url_name}") + query
    moments = []
    for _ in range(7):
        begun = time.perf_counter()
        response = client.get(url)
        moments.append((time.perf_counter() - begun) * 1e3)
        if response.status_code != 200:
            raise RuntimeError(f"{url} answered {response.status_code}")
    return statistics.median(moments)
