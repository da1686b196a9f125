"""Pruning deletes expired rows in batches, and no others."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from taskhub.compat import django_tasks as compat
from taskhub.conf import Config
from taskhub.models import QuarantinedMessage, TaskLog, TaskResult
from taskhub.models.ids import first_id_at, new_id
from taskhub.operations import pruning
from taskhub.operations.pruning import Retention, prune
from taskhub.worker.steward.chores import prune_chore
from tests.factories import QuarantinedMessageFactory, TaskResultFactory, small_node

pytestmark = pytest.mark.django_db


def aged(days: float, *, finished_days: float | None = None, **traits: object):
    """Create a result that was enqueued, and finished, some days ago."""
    enqueued = timezone.now() - timedelta(days=days)
    number = TaskResult.objects.count() + QuarantinedMessage.objects.count()
    row = TaskResultFactory(
        id=UUID(int=first_id_at(enqueued).int + number), enqueued_at=enqueued, **traits
    )
    if row.finished_at:
        ago = days if finished_days is None else finished_days
        row.finished_at = timezone.now() - timedelta(days=ago)
        row.save()
    return row


def left() -> set[UUID]:
    return set(TaskResult.objects.values_list("pk", flat=True))


def test_old_finished_results_are_deleted():
    kept = [
        aged(29, successful=True),
        aged(89, failed=True),
        aged(400),
        aged(400, running=True),
        # This one was delayed for long: its id is old, but it finished recently.
        aged(400, finished_days=1, successful=True),
    ]
    aged(31, successful=True)
    aged(31, finished=True, status="CANCELLED")
    aged(91, failed=True)

    assert sum(prune(Retention(days=30, failed_days=90))) == 3

    assert left() == {row.pk for row in kept}


def test_at_most_the_given_number_of_finished_results_is_kept():
    rows = [aged(day, successful=True) for day in (5, 4, 3, 2, 1)]
    waiting = aged(9)

    assert sum(prune(Retention(most=2))) == 3

    assert left() == {waiting.pk, rows[3].pk, rows[4].pk}
    assert sum(prune(Retention(most=2))) == 0


def test_without_a_limit_all_results_are_kept():
    aged(4_000, successful=True)

    assert list(prune(Retention())) == []


def test_a_dry_run_deletes_nothing():
    aged(31, successful=True)

    assert sum(prune(Retention(days=30), dry_run=True)) == 1

    assert len(left()) == 1


def test_many_results_are_deleted_in_batches(
    monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(pruning, "MAX_BATCH_ROWS", 10)
    for _ in range(35):
        aged(31, successful=True)

    with django_assert_max_num_queries(20):
        assert list(prune(Retention(days=30))) == [10, 10, 10, 5]


def test_old_quarantined_messages_are_deleted():
    old = first_id_at(timezone.now() - timedelta(days=91))
    QuarantinedMessageFactory(id=old)
    new = QuarantinedMessageFactory()

    retention = Retention(quarantined_days=90)

    assert sum(prune(retention, dry_run=True)) == 1
    assert QuarantinedMessage.objects.count() == 2
    assert sum(prune(retention)) == 1
    assert QuarantinedMessage.objects.get() == new


@pytest.fixture
def two_backends(settings):
    """A function that configures two backends that share the tables."""
    hub = settings.TASKS["default"]

    def give(default: dict[str, object], other: dict[str, object]) -> list[Config]:
        settings.TASKS = {
            "default": {**hub, "OPTIONS": default},
            "other": {**hub, "OPTIONS": other},
        }
        return [compat.task_backends[alias].config for alias in ("default", "other")]

    return give


def test_each_backend_prunes_its_own_results(two_backends):
    default, other = two_backends(
        {"keep_days": 7, "keep_failed_days": 7, "keep_most": 1}, {}
    )
    others = [
        aged(20, successful=True, backend="other"),
        aged(20, failed=True, backend="other"),
    ]
    aged(20, successful=True)
    aged(20, failed=True)
    aged(2, successful=True)
    newest = aged(1, successful=True)

    assert sum(prune(Retention.of(other))) == 0
    assert sum(prune(Retention.of(default))) == 3

    assert left() == {newest.pk, *(row.pk for row in others)}


def test_rows_without_a_backend_are_kept_for_the_longest_period(two_backends):
    default, _other = two_backends(
        {"keep_days": 7, "keep_failed_days": 7},
        {"keep_days": 30, "keep_failed_days": 20},
    )
    for days in (31, 25, 10):
        made = first_id_at(timezone.now() - timedelta(days=days))
        QuarantinedMessageFactory(id=made)
        TaskLog.objects.create(id=made, result_id=new_id(), attempt=1)

    assert sum(prune(Retention.of(default))) == 2

    assert QuarantinedMessage.objects.count() == 1
    assert TaskLog.objects.count() == 2


def test_rows_without_a_backend_are_kept_if_one_backend_keeps_all(two_backends):
    default, _other = two_backends({}, {"keep_failed_days": None})

    assert Retention.of(default).quarantined_days is None
    assert Retention.of(default).log_days is None


def test_batches_are_found_by_the_primary_key(two_backends):
    """On SQLite only: its planner treats small and large tables alike."""
    if connection.vendor != "sqlite":
        pytest.skip("other planners depend on the size of the table")
    default, _other = two_backends({"keep_most": 1}, {})
    rows = [aged(100 + number, successful=True) for number in range(3)]

    with CaptureQueriesContext(connection) as queries:
        assert sum(prune(Retention.of(default))) == len(rows)

    asked = [each["sql"] for each in queries if each["sql"].startswith("SELECT")]
    with connection.cursor() as cursor:
        for sql in asked:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = [line[-1] for line in cursor.fetchall()]
            assert not any("TEMP B-TREE" in line for line in plan), plan
            assert all(" USING " in line for line in plan), plan


def test_a_dry_run_counts_a_result_that_exceeds_two_limits_once():
    for day in (40, 5, 4, 3):
        aged(day, successful=True)
    # This failure is not too old, but there are too many newer results.
    aged(50, failed=True)
    retention = Retention(days=30, failed_days=90, most=2)

    assert sum(prune(retention, dry_run=True)) == 3
    assert sum(prune(retention)) == 3


def test_the_command_uses_the_settings_or_its_options(configure, capsys):
    configure(keep_days=30)
    aged(31, successful=True)
    aged(8, successful=True)

    call_command("taskprune", "--dry-run")
    assert capsys.readouterr().out == "1 would be deleted.\n"
    call_command("taskprune")
    assert capsys.readouterr().out == "1 deleted.\n"
    call_command("taskprune", "--days=7")
    assert capsys.readouterr().out == "1 deleted.\n"
    assert left() == set()


def test_options_that_the_command_is_not_given_come_from_the_settings(
    configure, capsys
):
    configure(keep_days=30, keep_failed_days=90)
    aged(31, successful=True)
    aged(91, failed=True)
    QuarantinedMessageFactory(id=first_id_at(timezone.now() - timedelta(days=91)))
    kept = aged(6, failed=True)

    call_command("taskprune", "--days=7")

    assert capsys.readouterr().out == "3 deleted.\n"
    assert left() == {kept.pk}


def test_the_command_counts_and_deletes_quarantined_messages(capsys):
    QuarantinedMessageFactory(id=first_id_at(timezone.now() - timedelta(days=8)))

    call_command("taskprune", "--failed-days=7", "--dry-run")
    assert capsys.readouterr().out == "1 would be deleted.\n"
    call_command("taskprune", "--failed-days=7")
    assert capsys.readouterr().out == "1 deleted.\n"
    assert not QuarantinedMessage.objects.exists()


@pytest.mark.parametrize("option", ["--days", "--failed-days"])
@pytest.mark.parametrize("number", ["-1", "nan", "36601", "many"])
def test_the_command_refuses_an_invalid_number_of_days(option, number):
    expected = f"expected a number from 0 to 36600, not '{number}'"

    with pytest.raises(CommandError, match=expected):
        call_command("taskprune", f"{option}={number}")


def test_a_steward_prunes_if_it_is_its_turn(configure):
    config = configure(keep_days=30, broker_url="database://")
    aged(31, successful=True)
    prune_chore(small_node(config)).do()
    assert left() == set()

    aged(31, successful=True)
    other = small_node(config)
    other.__dict__["name"] = "another node"
    prune_chore(other).do()
    assert len(left()) == 1
