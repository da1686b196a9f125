"""Nodes, queues and metrics of the shop, for pictures of the admin."""

import random
from datetime import UTC, datetime, timedelta

from taskhub.foundation.histogram import bucket_of
from taskhub.models import (
    Node,
    QuarantinedMessage,
    QueueDepth,
    QueueState,
    Status,
    TaskMetrics,
    TaskResult,
)
from taskhub.models.ids import new_id

#: For each task: queue, runs per minute, seconds per run, failures in percent.
_BUSY = {
    "send_receipt": ("mail", 42, 0.18, 1),
    "resize_picture": ("pictures", 18, 2.4, 0),
    "refresh_search_index": ("default", 6, 31.0, 0),
    "sync_stock": ("default", 12, 4.8, 9),
    "import_exchange_rates": ("default", 1, 3.2, 40),
    "track_parcel": ("default", 65, 0.42, 0),
}


def fill() -> None:
    """Create the metrics of an hour, and the current nodes, queues and messages."""
    # A fixed seed makes the same pictures each time.
    dice = random.Random(11)  # noqa: S311
    now = datetime.now(UTC)
    _create_metrics(now, dice)
    _create_depths(now, dice)
    _create_nodes(now)
    _create_waiting_results(now)
    QueueState.objects.create(
        backend="default",
        queue_name="mail",
        paused_at=now - timedelta(minutes=12),
        changed_by="ada",
        reason="The mail provider answers with 503 until about noon.",
    )
    QuarantinedMessage.objects.create(
        message_id="01a20884-d2d7-725b-9065-ae2acf415cb1",
        queue_name="default",
        reason="Its signature does not verify: it was altered, or signed with a key "
        "that is neither SECRET_KEY nor in SECRET_KEY_FALLBACKS.",
        body=b"\x01" + bytes(range(32)) + b'["01a20884-d2d7-725b-9065-ae2acf415cb1",'
        b'"shop.tasks.sync_stock",["leipzig"],{},"default",0,"default",'
        b'"2026-01-07T09:30:00Z"]',
        worker_id="web-1:4711",
        quarantined_at=now - timedelta(minutes=50),
    )


def _create_metrics(now: datetime, dice: random.Random) -> None:
    minute = now.replace(second=0, microsecond=0)
    TaskMetrics.objects.bulk_create(
        _minute_metrics(name, minute - timedelta(minutes=ago), dice, ago)
        for name in _BUSY
        for ago in range(61)
    )


def _minute_metrics(
    name: str, at: datetime, dice: random.Random, ago: int
) -> TaskMetrics:
    queue_name, runs, seconds, fails = _BUSY[name]
    # The mail provider has been down for 13 minutes.
    is_away = queue_name == "mail" and ago < 13
    count = 0 if is_away else round(runs * dice.uniform(0.6, 1.3))
    lengths = [seconds * dice.lognormvariate(0, 0.4) for _ in range(count)]
    failed = sum(dice.randrange(100) < fails for _ in lengths)
    return TaskMetrics(
        starts_at=at,
        seconds=60,
        task_path=f"shop.tasks.{name}",
        queue_name=queue_name,
        successful=count - failed,
        failed=failed,
        retried=failed // 2,
        waits=_histogram([dice.uniform(0.001, 0.06) for _ in lengths]),
        runs=_histogram(lengths),
        run_seconds=sum(lengths),
        longest_run=max(lengths, default=0),
    )


def _histogram(lengths: list[float]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for length in lengths:
        key = str(bucket_of(length))
        counts[key] = counts.get(key, 0) + 1
    return counts


def _create_depths(now: datetime, dice: random.Random) -> None:
    minute = now.replace(second=0, microsecond=0)
    for ago in range(61):
        for number, name in enumerate(("default", "mail", "pictures")):
            ready = dice.randrange(2, 9) * (3 - number)
            oldest = dice.uniform(0.1, 2.5)
            if name == "mail" and ago < 13:
                ready, oldest = (13 - ago) * 42, (13 - ago) * 60.0
            QueueDepth.objects.create(
                starts_at=minute - timedelta(minutes=ago),
                backend="default",
                queue_name=name,
                delayed=dice.randrange(4),
                ready=ready,
                held=dice.randrange(8),
                oldest_seconds=oldest,
            )


def _create_nodes(now: datetime) -> None:
    for name, processes, seen in (("web-1", 3, 2), ("web-2", 2, 1), ("batch-1", 1, 96)):
        tokens = [f"{name}:{4711 + number}" for number in range(processes)]
        Node.objects.create(
            name=name,
            backend="default",
            host=name,
            pid=4710,
            queues=["default", "pictures"]
            if name == "batch-1"
            else ["default", "mail"],
            processes=processes,
            threads=1,
            async_tasks=100,
            workers=[
                {"token": token, "pid": 4711 + number, "memory_mib": 84 + 9 * number}
                for number, token in enumerate(tokens)
            ],
            memory_mib=61 + 92 * processes,
            version="0.1",
            is_quiet=name == "web-2",
            started_at=now - timedelta(days=3),
            last_seen_at=now - timedelta(seconds=seen),
        )
        for number, token in enumerate(tokens[: 2 if name == "web-1" else 0]):
            _create_run(("sync_stock", "refresh_search_index")[number], token, now)


def keep_present() -> None:
    """Renew the heartbeats of all nodes, except the one that is silent."""
    Node.objects.exclude(name="batch-1").update(last_seen_at=datetime.now(UTC))


def _create_run(name: str, token: str, now: datetime) -> None:
    started = now - timedelta(seconds=7.4 if name == "sync_stock" else 41)
    TaskResult.objects.create(
        id=new_id(),
        task_path=f"shop.tasks.{name}",
        queue_name="default",
        backend="default",
        status=Status.RUNNING,
        attempts=1,
        worker_ids=[token],
        enqueued_at=started,
        started_at=started,
        last_attempted_at=started,
        place="held",
        held_by=token,
    )


def _create_waiting_results(now: datetime) -> None:
    TaskResult.objects.bulk_create(
        TaskResult(
            id=new_id(),
            task_path="shop.tasks.send_receipt",
            queue_name="mail",
            backend="default",
            args=[number],
            status=Status.READY,
            enqueued_at=now - timedelta(minutes=12, seconds=-number / 2),
            place="ready",
        )
        for number in range(548)
    )
