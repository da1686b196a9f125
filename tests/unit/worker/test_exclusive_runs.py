"""Exclusive runs in a worker process."""

from threading import Thread

import pytest

from taskhub.worker.process import exclusive_runs as module
from taskhub.worker.process.exclusive_runs import ExclusiveRuns
from tests.servers import wait_until


@pytest.fixture
def runs():
    return ExclusiveRuns(settle=lambda: None)


def in_thread(function, **arguments):
    thread = Thread(target=function, kwargs=arguments, daemon=True)
    thread.start()
    return thread


def is_claimed(runs):
    if entered := runs.enter(exclusive=False):
        runs.leave(exclusive=False)
    return not entered


def test_shared_runs_may_run_at_the_same_time(runs):
    assert runs.enter(exclusive=False)
    assert runs.enter(exclusive=False)
    runs.wait()


def test_no_run_enters_during_an_exclusive_run(runs):
    assert runs.enter(exclusive=True)

    assert not runs.enter(exclusive=False)
    assert not runs.enter(exclusive=True)


def test_an_exclusive_run_waits_until_all_others_have_ended(runs):
    runs.enter(exclusive=False)
    runs.enter(exclusive=False)
    exclusive = in_thread(runs.enter, exclusive=True)
    wait_until(lambda: is_claimed(runs), "the claim")

    runs.leave(exclusive=False)
    assert exclusive.is_alive()
    runs.leave(exclusive=False)
    exclusive.join(30)

    assert not exclusive.is_alive()


def test_other_runs_enter_when_an_exclusive_run_has_ended(runs):
    runs.enter(exclusive=True)
    waiting = in_thread(runs.wait)
    assert waiting.is_alive()

    runs.leave(exclusive=True)
    waiting.join(30)

    assert not waiting.is_alive()
    assert runs.enter(exclusive=False)


def test_outcomes_are_settled_before_and_after_an_exclusive_run():
    settled = []
    runs = ExclusiveRuns(settle=lambda: settled.append(is_claimed(runs)))

    runs.enter(exclusive=True)
    assert settled == [True]
    runs.leave(exclusive=True)

    assert settled == [True, True]
    assert not is_claimed(runs)


def test_an_exclusive_run_starts_anyway_if_others_do_not_end(runs, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.01)
    runs.enter(exclusive=False)

    assert runs.enter(exclusive=True)
