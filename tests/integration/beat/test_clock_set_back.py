"""Schedules that were planned while the clock was ahead."""

from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub.beat.ticker import Ticker
from taskhub.models import PeriodicTask, TaskResult
from taskhub.schedules import cron, every
from tests.factories import PeriodicTaskFactory
from tests.nodes import Node
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_broker]

AHEAD = timedelta(hours=2)


def planned_ahead(schedule, *, fields, **changes):
    """Make a schedule that was planned while the clock was ahead."""
    row = PeriodicTaskFactory(schedule=schedule)
    future = timezone.now() + AHEAD
    values = dict.fromkeys(fields, future) | {
        "next_run_at": row.rule.next_after(future)
    }
    PeriodicTask.objects.filter(pk=row.pk).update(**(values | changes))
    return row


def next_runs():
    return dict(PeriodicTask.objects.values_list("pk", "next_run_at"))


@pytest.mark.parametrize("fields", [["planned_at"], ["last_run_at"]])
def test_a_schedule_planned_by_a_clock_ahead_fires_in_time(config, tmp_path, fields):
    row = planned_ahead(every(seconds=1), fields=fields)

    beat = Node(config, tmp_path / "beat.log", command="taskbeat")
    try:
        fired = TaskResult.objects.filter(periodic_task=row.pk)
        wait_until(lambda: fired.count() >= 2, "two runs", 30)
    finally:
        beat.end()

    assert beat.log.count("The clock was set back") == 1


def test_a_plan_that_is_right_or_was_set_by_hand_is_kept(config):
    now = timezone.now()
    fits = planned_ahead(cron("0 0 1 1 *"), fields=["last_run_at"], next_run_at=None)
    fits_at = fits.rule.next_after(now)
    moved_at = now + AHEAD
    PeriodicTask.objects.filter(pk=fits.pk).update(next_run_at=fits_at)
    moved = PeriodicTaskFactory(schedule=every(seconds=5))
    PeriodicTask.objects.filter(pk=moved.pk).update(next_run_at=moved_at)

    Ticker().run_once()

    assert next_runs() == {fits.pk: fits_at, moved.pk: moved_at}
    assert not TaskResult.objects.exists()
