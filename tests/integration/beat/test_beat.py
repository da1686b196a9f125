"""The beat, look by look: what it fires, what it leaves, what it disables."""

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
    """The embedded broker; others differ in nothing that a look does."""
    configure(broker_url="database://")


def look(times: int = 1) -> float:
    """Look as a beat does, and return how long it would rest."""
    for _ in range(times):
        pause = Ticker().run_once()
    return pause


def ago(**span: float) -> datetime:
    return (timezone.now() - timedelta(**span)).replace(microsecond=0)


def reread(row: PeriodicTask) -> PeriodicTask:
    return PeriodicTask.objects.get(pk=row.pk)


# What is due.


def test_what_is_due_is_fired_once_and_moved_on():
    due = ago(seconds=5)
    row = PeriodicTaskFactory(planned=due)

    look(3)

    result = TaskResult.objects.get()
    assert (result.periodic_task, result.tick_at) == (row, due)
    assert (result.task_path, result.args) == ("tests.tasks.add", [1, 2])
    row = reread(row)
    assert row.next_run_at > timezone.now()
    assert row.total_run_count == 1
    assert row.last_result == result
    assert row.last_run_at == result.enqueued_at


def test_what_is_not_due_is_left_alone():
    PeriodicTaskFactory()

    assert 0 < look() <= 1
    assert not TaskResult.objects.exists()


def test_without_schedules_a_beat_rests():
    assert look() == 1


def test_a_beat_rests_until_the_next_run():
    PeriodicTaskFactory(planned=timezone.now() + timedelta(seconds=0.5))

    assert 0 < look() <= 0.5


def test_a_run_has_all_the_options_of_its_schedule():
    PeriodicTaskFactory(
        task_path="tests.tasks.send",
        args=["ada@example.com"],
        kwargs={"subject": "hi"},
        queue_name="other",
        priority=7,
        expires_after=timedelta(minutes=5),
        planned=ago(seconds=1),
    )

    look()

    result = TaskResult.objects.get()
    assert (result.queue_name, result.priority) == ("other", 7)
    assert result.kwargs == {"subject": "hi"}
    assert result.expires_at - result.enqueued_at == timedelta(minutes=5)
    assert get_broker_depth("other") == 1


def get_broker_depth(queue: str) -> int:
    return get_broker(tasks.add.get_backend().config).depth(queue).ready


def test_jitter_delays_a_run_and_not_its_tick():
    due = ago(seconds=1)
    PeriodicTaskFactory(jitter=timedelta(hours=1), planned=due)

    look()

    result = TaskResult.objects.get()
    assert result.tick_at == due
    assert due <= result.run_after <= due + timedelta(hours=1)


def test_a_run_expires_so_long_after_its_jitter():
    PeriodicTaskFactory(
        jitter=timedelta(hours=1),
        expires_after=timedelta(seconds=5),
        planned=ago(seconds=1),
    )

    look()

    result = TaskResult.objects.get()
    due = max(result.run_after, result.enqueued_at)
    assert result.expires_at - due == timedelta(seconds=5)


def test_many_are_fired_with_few_queries(django_assert_max_num_queries):
    for _ in range(30):
        PeriodicTaskFactory(planned=ago(seconds=1))

    with django_assert_max_num_queries(20):
        look()

    assert TaskResult.objects.count() == 30


def test_what_is_due_fires_before_many_rows_are_planned(django_assert_max_num_queries):
    PeriodicTask.objects.bulk_create(
        PeriodicTaskFactory.build(name=f"new {number}") for number in range(5_000)
    )
    due = PeriodicTaskFactory(planned=ago(seconds=1))
    ticker = Ticker()

    # However many rows there are; Django 5.2 writes fewer of them to SQLite at a time.
    with django_assert_max_num_queries(30):
        assert ticker.run_once() == 0

    assert TaskResult.objects.get().periodic_task == due
    # Each look plans some of them, and a tick that comes meanwhile goes first again.
    planned = PeriodicTask.objects.with_plan().count()
    assert 1 < planned < 1_000
    with_update(due, next_run_at=ago(minutes=5))
    ticker.run_once()
    assert TaskResult.objects.count() == 2
    assert PeriodicTask.objects.with_plan().count() > planned


def test_a_plan_of_long_ago_is_due():
    row = PeriodicTaskFactory(planned=datetime(1960, 1, 1, tzinfo=UTC))

    look()

    assert TaskResult.objects.get().periodic_task == row


@pytest.mark.parametrize(
    ("policy", "runs"),
    [(MissedRuns.SKIP, 0), (MissedRuns.LATEST, 1), (MissedRuns.ALL, 24)],
)
def test_a_beat_that_was_away_for_three_days(policy, runs):
    row = PeriodicTaskFactory(
        # Half an hour from its next tick, whenever this is run.
        schedule=cron(f"{(timezone.now().minute + 30) % 60} * * * *"),
        missed_runs=policy,
        missed_window=timedelta(days=1),
    )
    planned = row.schedule.next_after(timezone.now() - timedelta(days=3))
    PeriodicTask.objects.filter(pk=row.pk).update(next_run_at=planned)

    look(5)

    ticks = TaskResult.objects.values_list("tick_at", flat=True)
    assert len(ticks) == len(set(ticks)) == runs
    assert reread(row).next_run_at > timezone.now()


def test_once_is_once():
    row = PeriodicTaskFactory(schedule=once(timezone.now() + timedelta(hours=1)))
    past = ago(seconds=1)
    PeriodicTask.objects.filter(pk=row.pk).update(
        schedule=once(past), planned_schedule=once(past).text, next_run_at=past
    )

    look(3)

    assert TaskResult.objects.get().tick_at == past
    row = reread(row)
    assert (row.enabled, row.next_run_at) == (False, None)
    assert row.disabled_reason == "It has no further run."


def test_after_so_many_runs_it_disables_itself():
    row = PeriodicTaskFactory(max_runs=1, planned=ago(seconds=1))

    look(2)

    row = reread(row)
    assert (row.enabled, row.total_run_count) == (False, 1)
    assert "its maximum" in row.disabled_reason


def test_after_its_end_it_disables_itself():
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    PeriodicTask.objects.filter(pk=row.pk).update(end_at=ago(seconds=10))

    look(2)

    row = reread(row)
    assert not TaskResult.objects.exists()
    assert not row.enabled
    assert "It ended" in row.disabled_reason


def test_the_start_may_be_the_first_tick():
    start = timezone.now().replace(microsecond=0) + timedelta(days=2)

    assert PeriodicTaskFactory(start_at=start).next_run_at == start


# A tick fires once.


def test_the_database_takes_a_tick_once():
    row, tick = PeriodicTaskFactory(), ago(hours=1)
    TaskResultFactory(periodic_task=row, tick_at=tick)

    with pytest.raises(IntegrityError), transaction.atomic():
        TaskResultFactory(periodic_task=row, tick_at=tick)
    TaskResultFactory(periodic_task=PeriodicTaskFactory(), tick_at=tick)
    # Asked for by hand, and without a schedule, as often as one likes.
    for _ in range(2):
        TaskResultFactory(periodic_task=row)
        TaskResultFactory()


def test_a_plan_that_was_moved_back_does_not_fire_again():
    due = ago(seconds=5)
    row = PeriodicTaskFactory(planned=due)
    neighbour = PeriodicTaskFactory(planned=due)
    look()
    PeriodicTask.objects.filter(pk=row.pk).update(next_run_at=due)
    PeriodicTask.objects.filter(pk=neighbour.pk).update(next_run_at=due)

    look(2)

    assert TaskResult.objects.count() == 2
    assert reread(row).next_run_at > timezone.now()
    assert reread(row).enabled


# Edits, by whatever way.


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
def test_an_earlier_run_is_honoured(edit):
    row = PeriodicTaskFactory(schedule=every(weeks=5))

    edit(row, schedule="every 10 seconds")
    look()

    row = reread(row)
    assert row.next_run_at <= timezone.now() + timedelta(seconds=10)
    assert not TaskResult.objects.exists()


@ways
def test_a_changed_schedule_does_not_fire_because_it_was_changed(edit):
    row = PeriodicTaskFactory(schedule=every(minutes=1), planned=ago(seconds=1))

    edit(row, schedule="cron 0 3 1 1 * Europe/Berlin")
    look(3)

    row = reread(row)
    assert not TaskResult.objects.exists()
    assert (row.next_run_at.month, row.next_run_at.day) == (1, 1)


@ways
def test_an_earlier_start_is_honoured(edit):
    row = PeriodicTaskFactory(
        schedule=every(minutes=1), start_at=timezone.now() + timedelta(days=9)
    )

    edit(row, start_at=ago(days=1))
    look()

    assert reread(row).next_run_at <= timezone.now() + timedelta(minutes=1)


@ways
def test_a_disabled_row_fires_nothing_and_has_no_next_run(edit):
    row = PeriodicTaskFactory(planned=ago(seconds=1))

    edit(row, enabled=False)
    look(2)

    assert not TaskResult.objects.exists()
    assert reread(row).next_run_at is None


@ways
def test_what_was_due_while_it_was_disabled_was_not_missed(edit):
    row = PeriodicTaskFactory(missed_runs=MissedRuns.ALL, planned=ago(days=1))
    with_update(row, enabled=False)
    look()

    edit(row, enabled=True)
    look(2)

    assert not TaskResult.objects.exists()
    assert reread(row).next_run_at > timezone.now()


@ways
def test_the_next_run_itself_can_be_set(edit):
    row = PeriodicTaskFactory(schedule=every(weeks=5))
    wanted = ago(seconds=1)

    edit(row, next_run_at=wanted)
    look()

    assert TaskResult.objects.get().tick_at == wanted


def test_a_saved_row_has_its_plan_at_once():
    row = PeriodicTaskFactory(schedule=every(minutes=1))
    assert row.next_run_at

    row.schedule = "every 5 hours"
    row.save(update_fields=["schedule"])

    row = reread(row)
    assert row.next_run_at > timezone.now() + timedelta(minutes=1)
    assert row.look_at == row.next_run_at


def test_a_schedule_that_is_none_is_refused_where_it_is_written():
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
def test_a_malformed_row_disables_itself_and_its_neighbours_go_on(values, reason):
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    neighbours = [PeriodicTaskFactory(planned=ago(seconds=1)) for _ in range(3)]
    with_sql(row, **values)

    look(2)

    row = reread(row)
    assert not row.enabled
    assert reason in row.disabled_reason
    fired = TaskResult.objects.values_list("periodic_task", flat=True)
    assert set(fired) == {each.pk for each in neighbours}
    assert look() > 0


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"task_path": "tests.tasks.ad"}, "did you mean 'tests.tasks.add'"),
        ({"args": "[1, 2, 3, 4]"}, "add() cannot be called with"),
        ({"queue_name": "mial"}, "did you mean 'mail'"),
        ({"priority": 999}, "priority"),
    ],
)
def test_what_other_code_or_settings_may_run_is_waited_for(values, reason):
    """A beat may be older than the schedule, or the other way round, in a deploy."""
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    neighbours = [PeriodicTaskFactory(planned=ago(seconds=1)) for _ in range(3)]
    with_sql(row, **values)

    look(2)

    row = reread(row)
    assert row.enabled
    assert reason in row.postponed_because
    assert row.postponed_until > timezone.now()
    fired = TaskResult.objects.values_list("periodic_task", flat=True)
    assert set(fired) == {each.pk for each in neighbours}
    assert look() > 0

    with_update(row, next_run_at=ago(minutes=11), postponed_until=None)
    look()

    row = reread(row)
    assert not row.enabled
    assert reason in row.disabled_reason


def test_a_row_that_was_paused_can_be_enabled_again():
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    with_sql(row, args="{}")
    look()

    with_save(row, args=[1], enabled=True)

    row = reread(row)
    assert (row.enabled, row.disabled_reason) == (True, "")
    assert row.next_run_at


# Overlap.


def unfinished_run(row: PeriodicTask) -> TaskResult:
    return TaskResultFactory(
        periodic_task=row, tick_at=ago(hours=2), place="ready", running=False
    )


def test_runs_may_overlap():
    row = PeriodicTaskFactory(planned=ago(seconds=1))
    unfinished_run(row)

    look()

    assert TaskResult.objects.count() == 2


def test_a_tick_is_skipped_while_a_run_has_not_finished():
    row = PeriodicTaskFactory(overlap=Overlap.SKIP, planned=ago(seconds=1))
    earlier = unfinished_run(row)

    look(2)

    row = reread(row)
    assert TaskResult.objects.count() == 1
    assert (row.skipped_run_count, row.total_run_count) == (1, 0)
    assert row.last_skipped_at
    assert row.next_run_at > timezone.now()

    finish(earlier)
    with_update(row, next_run_at=ago(seconds=1))
    look()
    assert TaskResult.objects.count() == 2


def finish(result: TaskResult) -> None:
    TaskResult.objects.filter(pk=result.pk).update(status=Status.SUCCESSFUL)


def test_a_tick_waits_until_a_run_has_finished():
    row = PeriodicTaskFactory(overlap=Overlap.WAIT, planned=ago(seconds=1))
    earlier = unfinished_run(row)

    look()

    row = reread(row)
    assert TaskResult.objects.count() == 1
    assert row.next_run_at <= timezone.now() < row.postponed_until
    assert look() > 0

    finish(earlier)
    with_update(row, postponed_until=ago(seconds=1))
    look()

    assert TaskResult.objects.count() == 2
    assert reread(row).postponed_until is None


def test_an_earlier_run_is_cancelled():
    row = PeriodicTaskFactory(overlap=Overlap.CANCEL, planned=ago(seconds=1))
    waiting, other = unfinished_run(row), TaskResultFactory(place="ready")
    running = TaskResultFactory(periodic_task=row, tick_at=ago(hours=3), running=True)

    look()

    for result in (waiting, running):
        result.refresh_from_db()
        assert (result.status, result.place) == (Status.CANCELLED, "")
        assert "next run of its schedule" in result.errors[-1]["message"]
    other.refresh_from_db()
    assert other.status == Status.READY
    assert TaskResult.objects.filter(periodic_task=row).count() == 3


# Failures in a row.


def fail_last_runs(row: PeriodicTask, outcomes: str) -> None:
    """Give a row runs that ended so: F for failed, S for successful."""
    for letter in outcomes:
        fire(row)
        status = Status.FAILED if letter == "F" else Status.SUCCESSFUL
        TaskResult.objects.filter(periodic_task=row).ready().update(status=status)


def fire(row: PeriodicTask) -> None:
    """Have a tick come that has not been before."""
    number = TaskResult.objects.filter(periodic_task=row).count()
    with_update(row, next_run_at=ago(minutes=10) + timedelta(seconds=number))
    look()


def test_after_so_many_failures_in_a_row_it_pauses():
    row = PeriodicTaskFactory(schedule=every(weeks=5), disable_after_failures=3)
    fail_last_runs(row, "FFSFF")
    assert reread(row).enabled
    fail_last_runs(row, "F")

    fire(row)

    row = reread(row)
    assert not row.enabled
    assert row.disabled_reason == "Its last 3 runs in a row have failed."
    assert row.total_run_count == 6


def test_whoever_enables_it_knows_of_the_failures_before():
    row = PeriodicTaskFactory(schedule=every(weeks=5), disable_after_failures=1)
    fail_last_runs(row, "F")
    fire(row)
    assert operations.schedules.enable([reread(row)]) == 1

    fire(row)

    assert reread(row).enabled
    assert reread(row).total_run_count == 2


# Waking early.


@pytest.mark.django_db(transaction=True)
def test_a_saved_schedule_wakes_beats(configure, redis_url, monkeypatch):
    config = configure(broker_url=redis_url)
    broker = get_broker(config)

    PeriodicTaskFactory()

    names = [f"{config.options.key_prefix}:{{~beat}}:wake"]
    assert broker._client.lpop(names[0]) is not None


@pytest.mark.django_db(transaction=True)
def test_a_saved_schedule_wakes_beats_on_postgresql(configure):
    if connection.vendor != "postgresql":
        pytest.skip("elsewhere a beat looks every poll_seconds")
    with connection.cursor() as cursor:
        cursor.execute("LISTEN taskhub_beat")

    PeriodicTaskFactory()

    assert list(connection.connection.notifies(timeout=10, stop_after=1))
