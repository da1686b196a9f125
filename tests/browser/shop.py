"""Tasks and schedules of a fictional shop, for pictures of the admin."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from taskhub import task
from taskhub.models import MissedRuns, Overlap, PeriodicTask, Status, TaskResult
from taskhub.models.ids import first_id_at
from taskhub.schedules import Schedule, cron, every, once, solar
from taskhub.tasks import Task

BERLIN = "Europe/Berlin"


def of_shop(**options: Any) -> Callable[[Callable[..., Any]], Task[..., Any, Any]]:
    """Return a decorator that declares a task of the shop."""

    def declare(function: Callable[..., Any]) -> Task[..., Any, Any]:
        # The pictures show the name of the task's module.
        function.__module__ = "shop.tasks"
        return task(**options)(function)

    return declare


@of_shop()
def send_invoices(*, weekday_only: bool = True, batch: int = 200) -> int:
    """Write and send the invoices of the day that has passed."""


@of_shop()
def refresh_search_index(language: str = "all") -> None:
    """Bring the search index up to date with the catalogue."""


@of_shop()
def import_exchange_rates(source: str, *, currencies: list[str]) -> int:
    """Fetch the reference rates of the day."""


@of_shop()
def sync_stock(warehouse: str) -> int:
    """Compare the stock with what a warehouse says."""


@of_shop()
def send_newsletter(edition: str) -> int:
    """Send the newsletter to all subscribers."""


@of_shop()
def switch_lights(on: bool) -> None:
    """Switch the lights of the shop window."""


@of_shop()
def clear_carts(older_than_days: int = 30) -> int:
    """Delete carts that nobody has come back for."""


@of_shop()
def start_sale(name: str) -> None:
    """Put the prices of a sale into the catalogue."""


def fill() -> None:
    """Create the schedules of the shop, and the results of their runs."""
    # A fixed seed makes the same pictures each time.
    dice = random.Random(7)  # noqa: S311
    with _schedule_creator(dice) as create_schedule:
        create_schedule(
            "Nightly invoices",
            send_invoices,
            cron("0 2 * * MON-FRI", tz=BERLIN),
            "s" * 12 + "f" + "s" * 7,
            timedelta(days=1),
            340,
            kwargs={"batch": 500},
            description="Accounting waits for these at eight in the morning.",
            overlap=Overlap.SKIP,
            disable_after_failures=3,
            expires_after=timedelta(hours=4),
            queue_name="mail",
        )
        create_schedule(
            "Search index",
            refresh_search_index,
            every(minutes=10),
            "s" * 19 + "r",
            timedelta(minutes=10),
            45,
            overlap=Overlap.WAIT,
        )
        create_schedule(
            "Exchange rates",
            import_exchange_rates,
            cron("15 16 * * MON-FRI", tz=BERLIN),
            "s" * 9 + "fff",
            timedelta(days=1),
            4,
            args=["ecb"],
            kwargs={"currencies": ["USD", "GBP", "CHF"]},
            description="The reference rates of the European Central Bank.",
            enabled=False,
            disabled_reason="Its last 3 runs in a row have failed.",
        )
        create_schedule(
            "Stock of the Leipzig warehouse",
            sync_stock,
            every(minutes=5),
            "sssscssfsscsssssscss",
            timedelta(minutes=5),
            80,
            args=["leipzig"],
            overlap=Overlap.CANCEL,
            skipped_run_count=12,
        )
        create_schedule(
            "Newsletter",
            send_newsletter,
            cron("0 9 1 * *", tz=BERLIN),
            "ssss",
            timedelta(days=30),
            900,
            args=["monthly"],
            missed_runs=MissedRuns.ALL,
            missed_window=timedelta(days=3),
        )
        create_schedule(
            "Shop window, lights on",
            switch_lights,
            solar("sunset", latitude=52.52, longitude=13.405),
            "s" * 20,
            timedelta(days=1),
            1,
            args=[True],
        )
        create_schedule(
            "Abandoned carts",
            clear_carts,
            cron("30 * * * *"),
            "s" * 20,
            timedelta(hours=1),
            12,
            from_code=True,
        )
        create_schedule(
            "Winter sale",
            start_sale,
            once(datetime(datetime.now(UTC).year + 1, 1, 7, 7, tzinfo=UTC)),
            "",
            timedelta(days=1),
            1,
            args=["winter"],
            description="Marketing has confirmed the date.",
        )
        create_schedule(
            "Spring newsletter",
            send_newsletter,
            cron("0 9 20 3 *", tz=BERLIN),
            "",
            timedelta(days=1),
            1,
            args=["spring"],
            enabled=False,
        )


@contextmanager
def _schedule_creator(dice: random.Random) -> Iterator[Callable[..., None]]:
    """Yield a function that creates a row, and its last runs from letters."""
    results: list[TaskResult] = []

    def create_schedule(
        name: str,
        task: Task[..., Any, Any],
        schedule: Schedule,
        ended: str,
        gap: timedelta,
        seconds: float,
        **options: Any,
    ) -> None:
        row = PeriodicTask.objects.create(
            name=name, task_path=task.module_path, schedule=schedule, **options
        )
        for number, letter in enumerate(ended):
            at = datetime.now(UTC) - gap * (len(ended) - number - 0.7)
            result = _result(row, letter, at, seconds * dice.uniform(0.3, 1), dice)
            row.remember(result.pk, result.enqueued_at)
            results.append(result)
        row.total_run_count += 40 * len(ended)
        PeriodicTask.objects.filter(pk=row.pk).update(
            recent_ids=row.recent_ids,
            last_run_at=row.last_run_at,
            total_run_count=row.total_run_count,
            disabled_reason=options.get("disabled_reason", ""),
        )

    yield create_schedule
    TaskResult.objects.bulk_create(results)


def _result(
    row: PeriodicTask, letter: str, at: datetime, seconds: float, dice: random.Random
) -> TaskResult:
    status = {
        "s": Status.SUCCESSFUL,
        "f": Status.FAILED,
        "c": Status.CANCELLED,
        "r": Status.RUNNING,
    }[letter]
    if letter == "r":
        at = datetime.now(UTC) - timedelta(seconds=9)
    started = at + timedelta(milliseconds=dice.randint(2, 40))
    return TaskResult(
        id=type(first_id_at(at))(int=first_id_at(at).int | dice.getrandbits(60)),
        task_path=row.task_path,
        queue_name=row.queue_name or "default",
        backend="default",
        args=row.args,
        kwargs=row.kwargs,
        status=status,
        attempts=1,
        worker_ids=["web-1:4711"],
        enqueued_at=at,
        started_at=started,
        last_attempted_at=started,
        finished_at=None if letter == "r" else started + timedelta(seconds=seconds),
        periodic_task=row,
        tick_at=at,
    )
