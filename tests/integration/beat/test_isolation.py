"""Odd values in one row do not stop other rows from being planned, fired or shown."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from taskhub.beat.refusals import MAX_REFUSALS
from taskhub.beat.ticker import Ticker
from taskhub.models import PeriodicTask, TaskResult
from tests.factories import PeriodicTaskFactory
from tests.integration.admin.schedules.pages import LIST, change

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on_the_rows(configure):
    """Use the embedded broker; the beat does the same with every broker."""
    configure(broker_url="database://")


def write(row: PeriodicTask, **values: object) -> None:
    """Edit a row as an operator does at a database's prompt."""
    assignments = ", ".join(f"{name} = %s" for name in values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE taskhub_periodictask SET {assignments} WHERE id = %s",  # noqa: S608
            [*values.values(), row.pk],
        )


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def stored(value: object) -> object:
    """Return a value as the current database stores it."""
    if (
        isinstance(value, timedelta)
        and not connection.features.has_native_duration_field
    ):
        return value // timedelta(microseconds=1)
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value


LAST = utc(9999, 12, 31, 23, 59, 59)
#: Longer than the years 1 to 9999, which a datetime can hold.
LONG = timedelta(days=10**7)
#: Values that every database accepts.
ANYWHERE = [
    {"schedule": "once 9999-12-31T23:59:59-14:00"},
    {"schedule": "once 0001-01-01T00:00:00+14:00"},
    {"schedule": "once 9999-12-31T23:59:59+00:00"},
    {"schedule": "once 9999-12-31"},
    {"schedule": "every 36500 days"},
    {"schedule": "every 1e9 days"},
    {"schedule": "solar sunset 1e-300 180"},
    {"schedule": "solar sunset nan inf"},
    {"schedule": "cron 0 0 1 1 * ../UTC"},
    {"schedule": "cron \U0001f418 * * * * UTC"},
    {"schedule": ""},
    {"start_at": LAST},
    {"end_at": LAST, "next_run_at": LAST},
    {"end_at": utc(1000, 1, 1)},
    {"created_at": utc(1000, 1, 1), "next_run_at": utc(1000, 1, 1)},
    {"planned_at": LAST, "disable_after_failures": 1},
    {"postponed_until": utc(1000, 1, 1)},
    {"last_run_at": LAST},
    {"jitter": LONG},
    {"jitter": timedelta(days=-(10**6))},
    {"expires_after": LONG},
    {"missed_window": LONG, "missed_runs": "all"},
    {"recent_ids": "5", "disable_after_failures": 1},
    {"recent_ids": '["x", 1, null]', "disable_after_failures": 1},
    {"recent_ids": '{"a": 1}'},
    {"recent_ids": "null", "disable_after_failures": 1},
    {"total_run_count": 2147483647},
    {"overlap": "odd"},
    {"missed_runs": "odd"},
    {"args": "null"},
    {"args": '{"a": 1}'},
    {"kwargs": "[1]"},
    {"kwargs": '{"a b": 1}'},
    {"args": "[" * 30 + "]" * 30},
    {"task_path": "tests.tasks.add "},
    {"queue_name": "no\nqueue"},
]
#: Values that only one database accepts, and that Python cannot read.
ONLY = {
    "postgresql": [
        {"args": "[1e5000]"},
        {"missed_window": "2000000000 days"},
    ],
    "mysql": [
        {"args": f"[1{'0' * 5000}, 2]"},
        {"jitter": 2**62},
    ],
    "sqlite": [
        {"args": '["\\ud800", 2]'},
        {"kwargs": '{"\\ud800": 1, "\\u0000": 2}'},
        {"missed_window": 2**62},
        {"max_runs": 2**62},
    ],
}

#: Times that Python cannot read; the tables refuse them.
REFUSED = {
    "postgresql": [
        {"start_at": "infinity"},
        {"end_at": "-infinity"},
        {"next_run_at": "-infinity"},
        {"planned_at": "0044-03-15 BC"},
    ],
    "mysql": [{"next_run_at": "0000-00-00"}],
    "sqlite": [
        {"next_run_at": "!tuesday"},
        {"created_at": "yesterday"},
        {"start_at": "2026-13-45 00:00:00"},
    ],
}


def odd_values() -> list[dict[str, object]]:
    return [*ANYWHERE, *ONLY[connection.vendor]]


def make_odd(values: dict[str, object], **traits: object) -> PeriodicTask:
    row = PeriodicTaskFactory(description=json.dumps(values, default=str), **traits)
    write(row, **{name: stored(value) for name, value in values.items()})
    row.start_at, row.end_at = values.get("start_at"), values.get("end_at")
    return row


def beat() -> None:
    """Run a beat's rounds until no row is due."""
    ticker = Ticker()
    for _ in range(200):
        if ticker.run_once() > 0:
            return
    raise AssertionError("Something is due for ever.")


def test_odd_rows_do_not_stop_other_rows_from_being_fired(caplog):
    due = timezone.now().replace(microsecond=0) - timedelta(seconds=1)
    odd = [make_odd(values, planned=due) for values in odd_values()]
    neighbours = [PeriodicTaskFactory(planned=due) for _ in range(3)]

    beat()

    fired = TaskResult.objects.filter(periodic_task__in=neighbours)
    keys = [result.periodic_task_id for result in fired]
    assert sorted(keys) == sorted(row.pk for row in neighbours)
    # Not all values of these rows can be read.
    found = PeriodicTask.objects.values_list("pk", "enabled", "disabled_reason")
    states = {pk: (enabled, reason) for pk, enabled, reason in found}
    # The log names each row that is disabled because of its values, once.
    for row in odd:
        lines = [line for line in caplog.messages if f"Disabled {row.name!r}" in line]
        enabled, reason = states[row.pk]
        is_odd = not (enabled or reason.startswith("It ended"))
        assert len(lines) == int(is_odd), row.name


def test_odd_rows_do_not_stop_other_rows_from_being_planned():
    odd = [make_odd(values) for values in odd_values()]
    neighbour = PeriodicTaskFactory()
    PeriodicTask.objects.update(planned_schedule="")

    beat()

    neighbour.refresh_from_db()
    assert neighbour.enabled
    assert neighbour.next_run_at > timezone.now()
    states = PeriodicTask.objects.filter(pk__in=[row.pk for row in odd])
    for enabled, reason in states.values_list("enabled", "disabled_reason"):
        assert enabled or reason


def test_times_that_python_cannot_read_are_refused():
    row = PeriodicTaskFactory()

    for values in REFUSED[connection.vendor]:
        with pytest.raises(DatabaseError), transaction.atomic():
            write(row, **values)


@pytest.mark.parametrize("beats", [False, True])
def test_the_admin_shows_odd_rows_and_other_rows(admin_client, settings, beats):
    settings.TIME_ZONE = "Pacific/Auckland"
    rows = [make_odd(values) for values in ANYWHERE]
    PeriodicTaskFactory(name="The neighbour")
    if beats:
        beat()

    overview = reverse("admin:taskhub_taskmetrics_changelist")
    # Django's form field for a time cannot show the last second of the year 9999.
    shown = [row for row in rows if LAST not in (row.start_at, row.end_at)]
    for page in (LIST, overview, *map(change, shown)):
        assert admin_client.get(page).status_code == 200, page

    assert "The neighbour" in admin_client.get(LIST).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_not_migrated_disables_no_row():
    row = PeriodicTaskFactory(planned=timezone.now() - timedelta(seconds=1))
    ticker = Ticker()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE taskhub_taskresult RENAME COLUMN task_path TO old")
    try:
        for _ in range(MAX_REFUSALS + 1):
            with pytest.raises(DatabaseError):
                ticker.run_once()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE taskhub_taskresult RENAME COLUMN old TO task_path"
            )

    ticker.run_once()

    row.refresh_from_db()
    assert (row.enabled, row.total_run_count) == (True, 1)


@pytest.mark.django_db(transaction=True)
def test_a_lock_timeout_disables_no_row():
    if connection.vendor != "postgresql":
        pytest.skip("tested on one database")
    row = PeriodicTaskFactory(planned=timezone.now() - timedelta(seconds=1))
    ticker, other = Ticker(), connection.copy()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '20ms'")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE taskhub_taskresult")
            for _ in range(MAX_REFUSALS + 1):
                with pytest.raises(OperationalError):
                    ticker.run_once()
    finally:
        other.close()
        connection.close()

    ticker.run_once()

    row.refresh_from_db()
    assert (row.enabled, row.total_run_count) == (True, 1)
