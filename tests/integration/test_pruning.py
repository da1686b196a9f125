"""What is not kept any longer is deleted, in batches, and nothing else."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import call_command
from django.utils import timezone

from taskhub.models import QuarantinedMessage, TaskResult
from taskhub.models.ids import first_id_at
from taskhub.operations import Retention, prune, pruning
from taskhub.worker.pruner import Pruner
from tests.factories import QuarantinedMessageFactory, TaskResultFactory, small_node

pytestmark = pytest.mark.django_db


def aged(days: float, *, finished_days: float | None = None, **traits: object):
    """A result that was enqueued, and finished, so many days ago."""
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


def test_what_is_old_and_finished_goes():
    kept = [
        aged(29, successful=True),
        aged(89, failed=True),
        aged(400),
        aged(400, running=True),
        # Delayed for long: its id is old, and its outcome is news.
        aged(400, finished_days=1, successful=True),
    ]
    aged(31, successful=True)
    aged(31, finished=True, status="CANCELLED")
    aged(91, failed=True)

    assert sum(prune(Retention(days=30, failed_days=90))) == 3

    assert left() == {row.pk for row in kept}


def test_no_more_than_so_many_are_kept():
    rows = [aged(day, successful=True) for day in (5, 4, 3, 2, 1)]
    waiting = aged(9)

    assert sum(prune(Retention(most=2))) == 3

    assert left() == {waiting.pk, rows[3].pk, rows[4].pk}
    assert sum(prune(Retention(most=2))) == 0


def test_without_a_limit_all_is_kept():
    aged(4_000, successful=True)

    assert list(prune(Retention())) == []


def test_a_dry_run_deletes_nothing():
    aged(31, successful=True)

    assert sum(prune(Retention(days=30), dry_run=True)) == 1

    assert len(left()) == 1


def test_many_go_in_batches(monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(pruning, "_BATCH", 10)
    for _ in range(35):
        aged(31, successful=True)

    with django_assert_max_num_queries(20):
        assert list(prune(Retention(days=30))) == [10, 10, 10, 5]


def test_old_quarantined_messages_go():
    old = first_id_at(timezone.now() - timedelta(days=91))
    QuarantinedMessageFactory(id=old)
    new = QuarantinedMessageFactory()

    sum(prune(Retention(failed_days=90)))

    assert QuarantinedMessage.objects.get() == new


def test_the_command_goes_by_the_settings_or_by_its_options(configure, capsys):
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


def test_a_steward_prunes_if_it_is_its_turn(configure):
    config = configure(keep_days=30, broker_url="database://")
    aged(31, successful=True)
    Pruner(small_node(config)).look()
    assert left() == set()

    aged(31, successful=True)
    other = Pruner(small_node(config))
    other._node.__dict__["name"] = "another node"
    other.look()
    assert len(left()) == 1
