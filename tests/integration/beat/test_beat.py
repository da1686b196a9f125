"""Single rounds of the beat: which rows it fires, leaves alone and disables."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from taskhub import operations
from taskhub.beat.ticker import Ticker
from taskhub.brokers import get_broker
from taskhub.models import MissedRuns, Overlap, PeriodicTask, Status, TaskResult
from taskhub.schedules import cron, every, once
from tests import tasks
from tests.factories import PeriodicTaskFactory, TaskResultFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on_the_rows(configure):
    """Use the embedded broker; the beat does the same with every broker."""
    configure(broker_url="database://")


def run_rounds(times: int = 1) -> float:
    """Run a beat's rounds, and return the seconds until the next one."""
    for _ in range(times):
        pause = Ticker().run_once()
    return pause


def ago(**span: float) -> datetime:
    return (timezone.now() - timedelta(**span)).replace(microsecond=0)


def reread(row: PeriodicTask) -> PeriodicTask:
    return PeriodicTask.objects.get(pk=row.pk)


# Due rows.


def test_a_due_row_fires_once_and_gets_its_next_run():
    due = ago(seconds=5)
    row = PeriodicTaskFactory(planned=due)

    run_rounds(3)

    result = TaskResult.objects.get()
    assert (result.periodic_task, result.tick_at) == (row, due)
    assert (result.task_path, result.args) == ("tests.tasks.add", [1, 2])
    row = reread(row)
    assert row.next_run_at > timezone.now()
    assert row.total_run_count == 1
    assert row.last_result == result
    assert row.last_run_at == result.enqueued_at


def test_a_row_that_is_not_due_does_not_fire():
    PeriodicTaskFactory()

    assert 0 < run_rounds() <= 1
    assert not TaskResult.objects.exists()


def test_without_schedules_a_beat_waits_one_second():
    assert run_rounds() == 1


def test_a_beat_waits_until_the_next_run():
    PeriodicTaskFactory(planned=timezone.now() + timedelta(seconds=0.5))

    assert 0 < run_rounds() <= 0.5


def test_a_run_has_all_options_of_its_periodic_task():
    PeriodicTaskFactory(
        task_path="tests.tasks.send",
        args=["ada@example.com"],
        kwargs={"subject": "hi"},
        queue_name="other",
        priority=7,
        expires_after=timedelta(minutes=5),
        planned=ago(seconds=1),
    )

    run_rounds()

    result = TaskResult.objects.get()
    assert (result.queue_name, result.priority) == ("other", 7)
    assert result.kwargs == {"subject": "hi"}
    assert result.expires_at - result.enqueued_at == timedelta(minutes=5)
    assert get_broker_depth("other") == 1


def get_broker_depth(queue: str) -> int:
    return get_broker(tasks.add.get_backend().config).depth(queue).ready


def test_jitter_delays_the_run_but_not_its_tick():
    due = ago(seconds=1)
    PeriodicTaskFactory(jitter=timedelta(hours=1), planned=due)

    run_rounds()

    result = TaskResult.objects.get()
    assert result.tick_at == due
    assert due <= result.run_after <= due + timedelta(hours=1)


def test_expires_after_counts_from_the_end_of_the_jitter():
    PeriodicTaskFactory(
        jitter=timedelta(hours=1),
        expires_after=timedelta(seconds=5),
        planned=ago(seconds=1),
    )

    run_rounds()

    result = TaskResult.objects.get()
    due = max(result.run_after, result.enqueued_at)
    assert result.expires_at - due == timedelta(seconds=5)


def test_many_due_rows_fire_with_few_queries(django_assert_max_num_queries):
    for _ in range(30):
        PeriodicTaskFactory(planned=ago(seconds=1))

    with django_assert_max_num_queries(20):
        run_rounds()

    assert TaskResult.objects.count() == 30


def test_a_due_row_fires_before_many_rows_are_planned(django_assert_max_num_queries):
    PeriodicTask.objects.bulk_create(
        PeriodicTaskFactory.build(name=f"new {number}") for number in range(5_000)
    )
    due = PeriodicTaskFactory(planned=ago(seconds=1))
    ticker = Ticker()

    # The number of queries does not depend on the number of rows. The limit allows for
    # Django 5.2, which writes fewer rows at a time to SQLite.
    with django_assert_max_num_queries(30):
        assert ticker.run_once() == 0

    assert TaskResult.objects.get().periodic_task == due
    # Each round plans some rows. A tick that becomes due in between still fires first.
    planned = PeriodicTask.objects.with_plan().count()
    assert 1 < planned < 1_000
    with_update(due, next_run_at=ago(minutes=5))
    ticker.run_once()
    assert TaskResult.objects.count() == 2
    assert PeriodicTask.objects.with_plan().count() > planned


def test_a_next_run_in_1960_is_due():
    row = PeriodicTaskFactory(planned=datetime(1960, 1, 1, tzinfo=UTC))

    run_rounds()

    assert TaskResult.objects.get().periodic_task == row


@pytest.mark.parametrize(
    ("policy", "runs"),
    [(MissedRuns.SKIP, 0), (MissedRuns.LATEST, 1), (MissedRuns.ALL, 24)],
)
def test_missed_runs_after_three_days_without_a_beat(policy, runs):
    row = PeriodicTaskFactory(
        # The next tick is always half an hour away.
        schedule=cron(f"{(timezone.now().minute + 30) % 60} * * * *"),
        missed_runs=policy,
        missed_window=timedelta(days=1),
    )
    planned = row.schedule.next_after(timezone.now() - timedelta(days=3))
    PeriodicTask.objects.filter(pk=row.pk).update(next_run_at=planned)

    run_rounds(5)

    ticks = TaskResult.objects.values_list("tick_at", flat=True)
    assert len(ticks) == len(set(ticks)) == runs
    assert reread(row).next_run_at > timezone.now()


def test_a_once_schedule_fires_once_and_is_disabled():
    row = PeriodicTaskFactory(schedule=once(timezone.now() + timedelta(hours=1)))
    past = ago(seconds=1)
    PeriodicTask.objects.filter(pk=row.pk).update(
        schedule=once(past), planned_schedule=once(past).text, next_run_at=past
    )

    run_rounds(3)

    assert TaskResult.objects.get().tick_at == past
    row = reread(row)
    assert (row.enabled, row.next_run_at) == (False, None)
    assert row.disabled_reason == "It has no further run."


def test_a_row_is_disabled_after_its_maximum_of_runs():
    row = PeriodicTaskFactory(max_runs=1, planned=ago(seconds=1))

    run_rounds(2)

    row = reread(row)
    assert (row.enabled, row.total_run_count) == (False, 1)
    assert "its maximum" in row.disabled_reason


def test_a_row_is_disabled_after_its_end():
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    PeriodicTask.objects.filter(pk=row.pk).update(end_at=ago(seconds=10))

    run_rounds(2)

    row = reread(row)
    assert not TaskResult.objects.exists()
    assert not row.enabled
    assert "It ended" in row.disabled_reason


def test_the_first_tick_may_be_at_start_at():
    start = timezone.now().replace(microsecond=0) + timedelta(days=2)

    assert PeriodicTaskFactory(start_at=start).next_run_at == start


# A tick fires once.


def test_the_database_refuses_a_second_result_of_a_tick():
    row, tick = PeriodicTaskFactory(), ago(hours=1)
    TaskResultFactory(periodic_task=row, tick_at=tick)

    with pytest.raises(IntegrityError), transaction.atomic():
        TaskResultFactory(periodic_task=row, tick_at=tick)
    TaskResultFactory(periodic_task=PeriodicTaskFactory(), tick_at=tick)
    # Results without a tick, with or without a periodic task, are not limited.
    for _ in range(2):
        TaskResultFactory(periodic_task=row)
        TaskResultFactory()


def test_a_tick_does_not_fire_again_after_next_run_at_is_moved_back():
    due = ago(seconds=5)
    row = PeriodicTaskFactory(planned=due)
    neighbour = PeriodicTaskFactory(planned=due)
    run_rounds()
    PeriodicTask.objects.filter(pk=row.pk).update(next_run_at=due)
    PeriodicTask.objects.filter(pk=neighbour.pk).update(next_run_at=due)

    run_rounds(2)

    assert TaskResult.objects.count() == 2
    assert reread(row).next_run_at > timezone.now()
    assert reread(row).enabled


# Edits by SQL, by update() and by save().


def with_sql(row: PeriodicTask, **values: object) -> None:
    """Edit a row as an operator does at a database's prompt."""
    assignments = ", ".join(f"{name} = %s" for name in values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE taskhub_periodictask SET {assignments} WHERE id = %s",  # noqa: S608
            [*values.values(), row.pk],
        )


def with_update(row: PeriodicTask, **values: object) -> None:
    PeriodicTask.objects.filter(pk=row.pk).update(**values)


def with_save(row: PeriodicTask, **values: object) -> None:
    row = reread(row)
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


ways = pytest.mark.parametrize("edit", [with_sql, with_update, with_save])


@ways
def test_a_shorter_interval_applies_at_once(edit):
    row = PeriodicTaskFactory(schedule=every(weeks=5))

    edit(row, schedule="every 10 seconds")
    run_rounds()

    row = reread(row)
    assert row.next_run_at <= timezone.now() + timedelta(seconds=10)
    assert not TaskResult.objects.exists()


@ways
def test_changing_a_schedule_does_not_fire_it(edit):
    row = PeriodicTaskFactory(schedule=every(minutes=1), planned=ago(seconds=1))

    edit(row, schedule="cron 0 3 1 1 * Europe/Berlin")
    run_rounds(3)

    row = reread(row)
    assert not TaskResult.objects.exists()
    assert (row.next_run_at.month, row.next_run_at.day) == (1, 1)


@ways
def test_an_earlier_start_applies_at_once(edit):
    row = PeriodicTaskFactory(
        schedule=every(minutes=1), start_at=timezone.now() + timedelta(days=9)
    )

    edit(row, start_at=ago(days=1))
    run_rounds()

    assert reread(row).next_run_at <= timezone.now() + timedelta(minutes=1)


@ways
def test_a_disabled_row_fires_nothing_and_has_no_next_run(edit):
    row = PeriodicTaskFactory(planned=ago(seconds=1))

    edit(row, enabled=False)
    run_rounds(2)

    assert not TaskResult.objects.exists()
    assert reread(row).next_run_at is None


@ways
def test_ticks_while_a_row_is_disabled_are_not_missed_runs(edit):
    row = PeriodicTaskFactory(missed_runs=MissedRuns.ALL, planned=ago(days=1))
    with_update(row, enabled=False)
    run_rounds()

    edit(row, enabled=True)
    run_rounds(2)

    assert not TaskResult.objects.exists()
    assert reread(row).next_run_at > timezone.now()


@ways
def test_next_run_at_can_be_edited(edit):
    row = PeriodicTaskFactory(schedule=every(weeks=5))
    wanted = ago(seconds=1)

    edit(row, next_run_at=wanted)
    run_rounds()

    assert TaskResult.objects.get().tick_at == wanted


def test_saving_a_row_plans_it():
    row = PeriodicTaskFactory(schedule=every(minutes=1))
    assert row.next_run_at

    row.schedule = "every 5 hours"
    row.save(update_fields=["schedule"])

    row = reread(row)
    assert row.next_run_at > timezone.now() + timedelta(minutes=1)
    assert row.look_at == row.next_run_at


def test_update_and_create_refuse_text_that_is_not_a_schedule():
    row = PeriodicTaskFactory()

    with pytest.raises(ValueError, match="did you mean 'every'"):
        with_update(row, schedule="evry 5 minutes")
    with pytest.raises(ValueError, match="is not a schedule"):
        PeriodicTask.objects.create(name="x", task_path="y", schedule="5 minutes")


# Rows that cannot be fired.


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"schedule": "every now and then"}, "cannot be read"),
        ({"schedule": "cron 0 0 30 2 * UTC"}, "never fires"),
        ({"args": '"text"'}, "a list"),
        ({"kwargs": "[1]"}, "an object"),
    ],
)
def test_a_malformed_row_is_disabled_and_other_rows_still_fire(values, reason):
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    neighbours = [PeriodicTaskFactory(planned=ago(seconds=1)) for _ in range(3)]
    with_sql(row, **values)

    run_rounds(2)

    row = reread(row)
    assert not row.enabled
    assert reason in row.disabled_reason
    fired = TaskResult.objects.values_list("periodic_task", flat=True)
    assert set(fired) == {each.pk for each in neighbours}
    assert run_rounds() > 0


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"task_path": "tests.tasks.ad"}, "did you mean 'tests.tasks.add'"),
        ({"args": "[1, 2, 3, 4]"}, "add() cannot be called with"),
        ({"queue_name": "mial"}, "did you mean 'mail'"),
        ({"priority": 999}, "priority"),
    ],
)
def test_a_row_that_other_code_may_run_is_disabled_only_after_a_wait(values, reason):
    """During a deploy, a beat's code may be older or newer than the row."""
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    neighbours = [PeriodicTaskFactory(planned=ago(seconds=1)) for _ in range(3)]
    with_sql(row, **values)

    run_rounds(2)

    row = reread(row)
    assert row.enabled
    assert reason in row.postponed_because
    assert row.postponed_until > timezone.now()
    fired = TaskResult.objects.values_list("periodic_task", flat=True)
    assert set(fired) == {each.pk for each in neighbours}
    assert run_rounds() > 0

    with_update(row, next_run_at=ago(minutes=11), postponed_until=None)
    run_rounds()

    row = reread(row)
    assert not row.enabled
    assert reason in row.disabled_reason


def test_a_row_that_a_beat_has_disabled_can_be_enabled():
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    with_sql(row, args="{}")
    run_rounds()

    with_save(row, args=[1], enabled=True)

    row = reread(row)
    assert (row.enabled, row.disabled_reason) == (True, "")
    assert row.next_run_at


# Overlap.


def unfinished_run(row: PeriodicTask) -> TaskResult:
    return TaskResultFactory(
        periodic_task=row, tick_at=ago(hours=2), place="ready", running=False
    )


def test_runs_overlap_by_default():
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    unfinished_run(row)

    run_rounds()

    assert TaskResult.objects.count() == 2


def test_a_tick_is_skipped_while_a_run_has_not_finished():
    row = PeriodicTaskFactory(overlap=Overlap.SKIP, planned=ago(seconds=1))
    earlier = unfinished_run(row)

    run_rounds(2)

    row = reread(row)
    assert TaskResult.objects.count() == 1
    assert (row.skipped_run_count, row.total_run_count) == (1, 0)
    assert row.last_skipped_at
    assert row.next_run_at > timezone.now()

    finish(earlier)
    with_update(row, next_run_at=ago(seconds=1))
    run_rounds()
    assert TaskResult.objects.count() == 2


def finish(result: TaskResult) -> None:
    TaskResult.objects.filter(pk=result.pk).update(status=Status.SUCCESSFUL)


def test_a_tick_waits_until_a_run_has_finished():
    row = PeriodicTaskFactory(overlap=Overlap.WAIT, planned=ago(seconds=1))
    earlier = unfinished_run(row)

    run_rounds()

    row = reread(row)
    assert TaskResult.objects.count() == 1
    assert row.next_run_at <= timezone.now() < row.postponed_until
    assert run_rounds() > 0

    finish(earlier)
    with_update(row, postponed_until=ago(seconds=1))
    run_rounds()

    assert TaskResult.objects.count() == 2
    assert reread(row).postponed_until is None


def test_a_tick_cancels_the_unfinished_runs_of_its_row():
    row = PeriodicTaskFactory(overlap=Overlap.CANCEL, planned=ago(seconds=1))
    waiting, other = unfinished_run(row), TaskResultFactory(place="ready")
    running = TaskResultFactory(periodic_task=row, tick_at=ago(hours=3), running=True)

    run_rounds()

    for result in (waiting, running):
        result.refresh_from_db()
        assert (result.status, result.place) == (Status.CANCELLED, "")
        assert "next run of its schedule" in result.errors[-1]["message"]
    other.refresh_from_db()
    assert other.status == Status.READY
    assert TaskResult.objects.filter(periodic_task=row).count() == 3


@pytest.mark.parametrize(
    "faulty", [{"task_path": "tests.tasks.gone"}, {"args": {"not": "a list"}}]
)
def test_a_tick_that_cannot_be_run_does_not_cancel_the_earlier_run(faulty):
    row = PeriodicTaskFactory(overlap=Overlap.CANCEL, planned=ago(seconds=1))
    with_update(row, **faulty)
    earlier = unfinished_run(row)

    run_rounds()

    earlier.refresh_from_db()
    assert earlier.status == Status.READY
    assert reread(row).postponed_because or reread(row).disabled_reason


def test_a_tick_that_has_fired_already_does_not_cancel_its_run():
    tick = ago(seconds=1)
    row = PeriodicTaskFactory(overlap=Overlap.CANCEL, planned=tick)
    run_rounds()
    result = TaskResult.objects.get()

    with_update(row, next_run_at=result.tick_at)
    run_rounds()

    result.refresh_from_db()
    assert result.status == Status.READY


# Failures in a row.


def add_finished_runs(row: PeriodicTask, outcomes: str) -> None:
    """Give a row runs with these outcomes: F for failed, S for successful."""
    for letter in outcomes:
        fire(row)
        status = Status.FAILED if letter == "F" else Status.SUCCESSFUL
        TaskResult.objects.filter(periodic_task=row).ready().update(status=status)


def fire(row: PeriodicTask) -> None:
    """Fire a row for a tick that has not fired before."""
    number = TaskResult.objects.filter(periodic_task=row).count()
    with_update(row, next_run_at=ago(minutes=10) + timedelta(seconds=number))
    run_rounds()


def test_a_row_is_disabled_after_consecutive_failures():
    row = PeriodicTaskFactory(schedule=every(weeks=5), disable_after_failures=3)
    add_finished_runs(row, "FFSFF")
    assert reread(row).enabled
    add_finished_runs(row, "F")

    fire(row)

    row = reread(row)
    assert not row.enabled
    assert row.disabled_reason == "Its last 3 runs in a row have failed."
    assert row.total_run_count == 6


def test_failures_before_a_row_was_enabled_do_not_count():
    row = PeriodicTaskFactory(schedule=every(weeks=5), disable_after_failures=1)
    add_finished_runs(row, "F")
    fire(row)
    assert operations.schedules.enable([reread(row)]) == 1

    fire(row)

    assert reread(row).enabled
    assert reread(row).total_run_count == 2


# Waking beats.


@pytest.mark.django_db(transaction=True)
def test_a_saved_schedule_wakes_beats(configure, redis_url):
    config = configure(broker_url=redis_url)
    broker = get_broker(config)

    PeriodicTaskFactory()

    key = f"{config.options.key_prefix}:{{~beat}}:wake"
    assert broker._client.lpop(key) is not None


@pytest.mark.django_db(transaction=True)
def test_a_saved_schedule_wakes_beats_on_postgresql(configure):
    if connection.vendor != "postgresql":
        pytest.skip("other databases are polled")
    with connection.cursor() as cursor:
        cursor.execute("LISTEN taskhub_beat")

    PeriodicTaskFactory()

    assert list(connection.connection.notifies(timeout=10, stop_after=1))
