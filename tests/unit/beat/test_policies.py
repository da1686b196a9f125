"""Which due ticks are run."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub.beat.policies import LATE, choose_ticks
from taskhub.models import MissedRuns, Overlap, PeriodicTask
from taskhub.schedules import cron, every

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make(late=timedelta(0), schedule=None, **fields):
    """Return a row whose planned tick is late by `late`; by default it fires hourly."""
    schedule = schedule or cron("0 * * * *")
    planned = schedule.next_after(NOW - late - timedelta(hours=1))
    return PeriodicTask(
        schedule=schedule,
        created_at=NOW - timedelta(days=100),
        next_run_at=planned,
        **fields,
    )


def hours(due):
    return [f"{tick:%d %H}" for tick in due.ticks]


@pytest.mark.parametrize("missed_runs", MissedRuns.values)
def test_every_policy_runs_a_tick_that_is_on_time(missed_runs):
    on_time = NOW.replace(minute=0, second=1)
    row = make(missed_runs=missed_runs)

    due = choose_ticks(row, on_time)

    assert due.ticks == [NOW.replace(minute=0)]
    assert due.following == NOW.replace(hour=13, minute=0)


def test_policy_latest_runs_only_the_latest_tick_after_three_days():
    row = make(late=timedelta(days=3), missed_runs=MissedRuns.LATEST)

    due = choose_ticks(row, NOW)

    assert hours(due) == ["24 12"]
    assert due.following == NOW.replace(hour=13, minute=0)


def test_policy_skip_runs_no_tick_after_three_days():
    row = make(late=timedelta(days=3), missed_runs=MissedRuns.SKIP)

    due = choose_ticks(row, NOW)

    assert due.ticks == []
    assert due.following == NOW.replace(hour=13, minute=0)


def test_a_slightly_late_tick_is_not_missed():
    row = make(missed_runs=MissedRuns.SKIP)
    due_at = NOW.replace(minute=0)

    assert choose_ticks(row, due_at + LATE).ticks == [due_at]
    assert choose_ticks(row, due_at + LATE + timedelta(seconds=1)).ticks == []


def test_a_postponed_tick_is_not_missed():
    row = make(missed_runs=MissedRuns.SKIP, postponed_until=NOW)

    assert hours(choose_ticks(row, NOW)) == ["24 12"]


def test_policy_all_runs_the_ticks_within_the_window():
    row = make(
        late=timedelta(days=3), missed_runs=MissedRuns.ALL, missed_window=5 * HOUR
    )

    assert hours(choose_ticks(row, NOW)) == [
        "24 08",
        "24 09",
        "24 10",
        "24 11",
        "24 12",
    ]


def test_policy_all_runs_at_most_200_ticks_at_a_time():
    row = make(
        late=timedelta(days=30),
        missed_runs=MissedRuns.ALL,
        missed_window=timedelta(days=60),
    )

    due = choose_ticks(row, NOW)

    assert len(due.ticks) == 200
    assert due.ticks[0] == row.next_run_at
    assert due.following == due.ticks[-1] + HOUR < NOW


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.WAIT, Overlap.CANCEL])
def test_missed_runs_that_must_not_overlap_run_one_at_a_time(overlap):
    row = make(late=5 * HOUR, missed_runs=MissedRuns.ALL, overlap=overlap)

    due = choose_ticks(row, NOW)

    assert due.ticks == [row.next_run_at]
    assert due.following == row.next_run_at + HOUR


def test_no_tick_after_end_at_is_run():
    row = make(
        late=5 * HOUR, missed_runs=MissedRuns.ALL, end_at=NOW - timedelta(hours=3)
    )
    assert hours(choose_ticks(row, NOW)) == ["24 07", "24 08", "24 09"]

    row.missed_runs = MissedRuns.LATEST
    assert hours(choose_ticks(row, NOW)) == ["24 09"]

    row.end_at = row.next_run_at - HOUR
    assert choose_ticks(row, NOW).ticks == []


def test_max_runs_limits_the_total_number_of_runs():
    row = make(
        late=5 * HOUR, missed_runs=MissedRuns.ALL, max_runs=10, total_run_count=8
    )

    assert len(choose_ticks(row, NOW).ticks) == 2


def test_a_planned_time_that_is_no_tick_of_the_schedule_is_run():
    row = make(missed_runs=MissedRuns.LATEST)
    row.next_run_at = NOW - timedelta(minutes=1)

    due = choose_ticks(row, NOW)

    assert due.ticks == [NOW - timedelta(minutes=1)]
    assert due.following == NOW.replace(hour=13, minute=0)


@given(
    st.integers(1, 1_000).map(lambda minutes: every(minutes=minutes)),
    st.timedeltas(timedelta(0), timedelta(days=40)),
    st.sampled_from(MissedRuns.values),
    st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_planning_always_ends_at_a_time_after_now(schedule, late, policy, window):
    row = make(late=late, schedule=schedule, missed_runs=policy, missed_window=window)
    fired = []
    while row.next_run_at <= NOW:
        due = choose_ticks(row, NOW)
        fired += due.ticks
        assert due.following > row.next_run_at
        row.next_run_at = due.following

    assert fired == sorted(set(fired))
    if policy == MissedRuns.ALL:
        assert all(tick >= NOW - window for tick in fired)
    else:
        assert len(fired) <= 1
