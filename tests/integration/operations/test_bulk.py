"""Selections of results, bulk actions, and failures by cause."""

import pytest
from django.db import DatabaseError, connection
from django.db.models.signals import pre_delete
from django.utils import timezone

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.exceptions import InvalidOption
from taskhub.messages import Depth
from taskhub.models import BulkAction, Status, TaskResult
from taskhub.operations.results import Selection
from taskhub.operations.results.bulk import run_bulk_actions
from taskhub.operations.results.failures import read_failures
from tests import tasks
from tests.factories import TaskResultFactory
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

FAILED = Selection(status="FAILED")


def do_all() -> None:
    while BulkAction.objects.filter(finished_at=None).exists():
        run_bulk_actions(1)


# Selections.


def test_a_selection_survives_its_conversion_to_json():
    row = TaskResultFactory(failed=True)
    selection = Selection(status="FAILED", ids=(row.pk,), search="user_id=42")
    selection = selection.until_now()

    assert Selection.from_json(selection.to_json()) == selection


def test_a_selection_filters_by_status_queue_and_search():
    failed = TaskResultFactory(failed=True, queue_name="mail", kwargs={"user_id": 42})
    TaskResultFactory(failed=True)
    TaskResultFactory(successful=True, queue_name="mail")

    found = Selection(status="FAILED", queue_name="mail", search="user_id=42")

    assert list(found.results()) == [failed]


def test_a_selection_excludes_results_that_are_enqueued_later():
    selection = FAILED.until_now()
    wait_until(lambda: timezone.now() > selection.enqueued_before, "later")
    TaskResultFactory(failed=True)

    assert not selection.results().exists()


@pytest.mark.parametrize("plain", [{"status": "FIALED"}, {"ids": "many"}])
def test_a_wrong_selection_is_refused(plain):
    with pytest.raises(InvalidOption):
        Selection.from_json(plain)


# Bulk actions.


def test_a_bulk_retry_retries_all_matching_results(config, drain):
    results = [tasks.fail_at_first_try.enqueue(n) for n in range(5)]
    other = tasks.fail.enqueue()
    drain()
    assert TaskResult.objects.failed().count() == 6

    action = operations.results.start_bulk(
        "retry", Selection(task_path="tests.tasks.fail_at_first_try"), by="ada"
    )
    do_all()

    action.refresh_from_db()
    assert (action.done, action.stopped_by) == (5, "")
    drain()
    assert [result.get(timeout=1) for result in results] == [0, 1, 2, 3, 4]
    assert other.row.status == Status.FAILED


def test_a_steward_runs_bulk_actions(start_node):
    row = tasks.add.enqueue(1, 2).row
    TaskResult.objects.filter(pk=row.pk).update(status=Status.FAILED)
    operations.results.start_bulk("retry", FAILED)

    start_node("--processes=1")

    wait_until(lambda: TaskResult.objects.successful().exists(), "the retry")


def test_an_interrupted_bulk_action_continues(monkeypatch, config):
    monkeypatch.setattr("taskhub.operations.results.bulk.MAX_BATCH_ROWS", 2)
    TaskResultFactory.create_batch(5, failed=True)
    action = operations.results.start_bulk("retry", FAILED, expected=5)

    run_bulk_actions(0)
    action.refresh_from_db()
    assert (action.done, action.finished_at) == (2, None)
    do_all()

    action.refresh_from_db()
    assert action.done == 5
    assert TaskResult.objects.ready().count() == 5
    assert get_broker(config).depth("default") == Depth(ready=5)


def test_a_bulk_action_can_be_stopped(monkeypatch, config):
    monkeypatch.setattr("taskhub.operations.results.bulk.MAX_BATCH_ROWS", 2)
    TaskResultFactory.create_batch(5, failed=True)
    action = operations.results.start_bulk("retry", FAILED)
    run_bulk_actions(0)

    assert operations.results.stop_bulk(action, by="ada")
    do_all()

    action.refresh_from_db()
    assert (action.done, action.stopped_by) == (2, "ada")
    assert not operations.results.stop_bulk(action)


def test_bulk_retries_are_spread_over_time(config):
    TaskResultFactory.create_batch(4, failed=True)
    action = operations.results.start_bulk("retry", FAILED, per_second=0.01)
    do_all()

    first, *others = TaskResult.objects.order_by("pk")
    # The first retry is due at once.
    assert abs((first.run_after - action.requested_at).total_seconds()) < 90
    gaps = [(row.run_after - action.requested_at).total_seconds() for row in others]
    assert gaps == pytest.approx([100, 200, 300])


def test_bulk_actions_cancel_waiting_results_and_delete_all_results(config):
    waiting = tasks.add.enqueue(1)
    finished = TaskResultFactory(successful=True)

    operations.results.start_bulk("cancel", Selection(), by="ada")
    do_all()
    assert waiting.row.status == Status.CANCELLED
    assert "by ada" in waiting.row.errors[-1]["message"]
    assert TaskResult.objects.get(pk=finished.pk).status == Status.SUCCESSFUL

    operations.results.start_bulk("delete", Selection())
    do_all()
    assert not TaskResult.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "explode"},
        {"kind": "cancel", "per_second": 1},
        {"kind": "retry", "per_second": 0},
        {"kind": "retry", "per_second": 1e-308},
        {"kind": "retry", "per_second": float("nan")},
        {"kind": "retry", "by_force": True},
    ],
)
def test_an_invalid_bulk_action_is_refused(wrong):
    with pytest.raises(InvalidOption):
        operations.results.start_bulk(selection=FAILED, **wrong)


@pytest.mark.parametrize(
    "edit",
    [
        {"selection": {"status": "FIALED"}},
        {"selection": ["FAILED"]},
        {"kind": "explode"},
        {"per_second": 1e-308},
    ],
)
def test_an_action_with_invalid_fields_stops_and_the_next_one_is_done(
    edit, config, caplog
):
    waiting = TaskResultFactory.create_batch(2, failed=True)
    spoilt = operations.results.start_bulk("retry", FAILED)
    BulkAction.objects.filter(pk=spoilt.pk).update(**edit)
    behind = operations.results.start_bulk("retry", FAILED)

    do_all()

    spoilt.refresh_from_db()
    behind.refresh_from_db()
    assert spoilt.stopped_by.startswith("taskhub, because of an error: ")
    assert (behind.done, behind.stopped_by) == (len(waiting), "")
    assert str(spoilt.pk) in caplog.text


def test_an_exception_of_the_site_stops_only_its_own_action(config):
    spoilt, sound = TaskResultFactory.create_batch(2, failed=True)

    def refuse(instance, **_):
        if instance.pk == spoilt.pk:
            raise RuntimeError("not this one")

    of_it = operations.results.start_bulk("delete", Selection(ids=(spoilt.pk,)))
    behind = operations.results.start_bulk("delete", Selection(ids=(sound.pk,)))
    pre_delete.connect(refuse, sender=TaskResult)
    try:
        do_all()
    finally:
        pre_delete.disconnect(refuse, sender=TaskResult)

    of_it.refresh_from_db()
    behind.refresh_from_db()
    assert of_it.stopped_by.startswith("taskhub, because of an error: RuntimeError")
    assert (behind.done, behind.stopped_by) == (1, "")
    assert [row.pk for row in TaskResult.objects.all()] == [spoilt.pk]


def test_a_bulk_action_continues_after_a_migration(config):
    """A table that is missing during a migration does not stop the action."""
    TaskResultFactory(failed=True)
    action = operations.results.start_bulk("delete", FAILED)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE taskhub_tasklog RENAME TO elsewhere")
        try:
            with pytest.raises(DatabaseError):
                run_bulk_actions(1)
        finally:
            cursor.execute("ALTER TABLE elsewhere RENAME TO taskhub_tasklog")
    action.refresh_from_db()
    assert (action.finished_at, action.stopped_by) == (None, "")

    do_all()

    action.refresh_from_db()
    assert action.stopped_by == ""
    assert not TaskResult.objects.exists()


@pytest.mark.parametrize("per_second", [0, -1, 1e-308, float("nan"), float("inf")])
def test_a_rate_that_is_out_of_bounds_is_refused(per_second):
    TaskResultFactory(failed=True)

    with pytest.raises(InvalidOption, match=r"from 0.001 to 1,000,000"):
        operations.results.retry(TaskResult.objects.all(), per_second=per_second)

    assert TaskResult.objects.failed().count() == 1


# Failures by cause.


def test_failures_are_grouped_by_exception_and_place(drain, django_assert_num_queries):
    for n in range(3):
        tasks.fail.enqueue(f"user {n}")
    tasks.fail_oddly.enqueue()
    tasks.add.enqueue(1)
    drain()

    with django_assert_num_queries(2):
        groups = read_failures()

    assert [group.count for group in groups] == [3, 1]
    most = groups[0]
    assert most.exception == "builtins.ValueError"
    assert most.message.startswith("user ")
    assert most.place.endswith("in fail")
    assert most.first_seen <= most.last_seen
    assert Selection(cause=most.cause).results().count() == 3
