"""Small parts of the worker that need no process."""

import os
import sys
from types import SimpleNamespace

import pytest

from taskhub.brokers.base import MAX_RESERVED_MESSAGES
from taskhub.foundation.backoff import ReconnectBackoff
from taskhub.foundation.polling import pauses
from taskhub.worker.pipes import BEGINS, ENDS, LEAVES, Upwards
from taskhub.worker.process.prefetch import Prefetch
from taskhub.worker.process.running import Running
from taskhub.worker.supervisor import respawn, stuck_runs
from taskhub.worker.supervisor.children import Child, Role
from taskhub.worker.supervisor.respawn import RespawnDelay
from taskhub.worker.supervisor.stuck_runs import StuckRuns
from taskhub.writer.errors import describe_error
from tests.factories import now


def test_telling_a_supervisor_that_was_killed_does_not_raise():
    reading, writing = os.pipe()
    os.close(reading)

    Upwards(writing, "worker-1").tell(LEAVES)

    os.close(writing)


def test_a_run_is_ended_only_by_the_first_call():
    told, handed_on = [], []
    running = Running(lambda *words: told.append(words[0]))
    run = SimpleNamespace(
        task=SimpleNamespace(hard_timeout=1), delivery=SimpleNamespace(id="1")
    )
    running.begin(run)

    assert running.end(run, lambda: handed_on.append("first"))
    assert not running.end(run, lambda: handed_on.append("second"))

    assert handed_on == ["first"]
    assert told == [BEGINS, ENDS]


def test_a_new_process_reserves_one_message_for_each_slot():
    assert Prefetch(slots=1).count() == 1
    assert Prefetch(slots=4).count() == 4


def test_short_tasks_are_prefetched_and_long_ones_are_not():
    prefetch = Prefetch(slots=2)

    for _ in range(50):
        prefetch.observe(0.0001)
    assert prefetch.count() == 200

    prefetch.observe(10)
    assert prefetch.count() == 2


def test_prefetch_does_not_exceed_the_limit_of_the_broker():
    prefetch = Prefetch(slots=16)

    for _ in range(50):
        prefetch.observe(0.0001)

    assert prefetch.count() == MAX_RESERVED_MESSAGES


def test_reconnect_pauses_grow_to_a_bound_and_restart_after_success():
    backoff = ReconnectBackoff()

    pauses = []
    for _ in range(10):
        backoff.fail()
        pauses.append(backoff.pause)

    assert 0.05 <= pauses[0] <= 0.2
    assert all(1 <= pause <= 2 for pause in pauses[5:])
    assert not backoff.is_first
    assert backoff.succeed()
    assert not backoff.succeed()
    backoff.fail()
    assert backoff.is_first


def test_reconnect_pauses_stay_bounded_in_a_long_outage():
    backoff = ReconnectBackoff()

    for _ in range(10_000):
        backoff.fail()

    assert 1 <= backoff.pause <= 2


@pytest.fixture
def clock(monkeypatch):
    """A fake clock for respawn delays and stuck runs."""
    clock = SimpleNamespace(now=1000.0)
    time = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr(respawn, "time", time)
    monkeypatch.setattr(stuck_runs, "time", time)
    return clock


def dead_after(clock, seconds):
    clock.now += seconds
    return Child(1, Role.WORKER, born_at=clock.now - seconds)


def test_the_first_respawn_is_immediate_and_repeated_ones_are_delayed(clock):
    delay = RespawnDelay()

    delays = []
    for _ in range(3_000):
        delay.note_death(dead_after(clock, 1), code=1)
        delays.append(delay.ends_at - clock.now)
    assert delays[:4] == [0, 1, 3, 7]
    assert set(delays[5:]) == {30}
    assert not delay.is_over

    delay.note_death(dead_after(clock, 10), code=1)
    delay.note_death(dead_after(clock, 1), code=1)
    assert delay.is_over


def test_killed_processes_are_replaced_after_a_short_delay(clock):
    delay = RespawnDelay()

    for _ in range(3_000):
        delay.note_death(dead_after(clock, 1), code=-9)

    assert delay.ends_at == pytest.approx(clock.now + 0.3)


def test_a_run_is_stuck_some_time_after_its_hard_timeout(clock):
    runs = StuckRuns()
    for token, run in (("one", "ended"), ("one", "stuck"), ("dead", "gone")):
        runs.begin(token, run, 10)
    runs.end("one", "ended")
    runs.forget("dead")
    clock.now += 14
    assert runs.take() == []

    clock.now += 1

    assert list(runs.deadlines) == [clock.now]
    assert runs.take() == [("one", "stuck")]
    assert runs.take() == []


def test_polling_pauses_end_with_the_timeout():
    assert list(pauses(0)) == [0.0]
    first = next(pauses(None))
    assert 0 < first <= 0.01


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError


def test_an_error_whose_str_fails_is_described():
    entry = describe_error(Unprintable(), attempt=2, failed_at=now())

    assert entry["message"] == "<its __str__ failed>"
    assert entry["exception_class_path"].endswith(".Unprintable")
    assert entry["attempt"] == 2


def raise_from_depth(levels):
    if levels:
        raise_from_depth(levels - 1)
    raise ValueError("x" * 100_000)


def test_a_long_traceback_is_cut_in_its_middle():
    try:
        raise_from_depth(sys.getrecursionlimit() // 2)
    except ValueError as error:
        entry = describe_error(error, attempt=1, failed_at=now(), hide=__file__)

    assert len(entry["traceback"]) < 70_000
    assert entry["traceback"].startswith("ValueError: xxx")
    assert entry["traceback"].endswith("xxx\n")
    assert "characters left out" in entry["traceback"]
    assert len(entry["message"]) < 2_200
