"""Exclusive runs in a process."""

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


def test_shared_runs_are_together(runs):
    assert runs.enter(exclusive=False)
    assert runs.enter(exclusive=False)
    runs.wait()


def test_nobody_enters_beside_an_exclusive_run(runs):
    assert runs.enter(exclusive=True)

    assert not runs.enter(exclusive=False)
    assert not runs.enter(exclusive=True)


def test_an_exclusive_run_waits_for_the_others_to_end(runs):
    runs.enter(exclusive=False)
    runs.enter(exclusive=False)
    exclusive = in_thread(runs.enter, exclusive=True)
    wait_until(lambda: is_claimed(runs), "the claim")

    runs.leave(exclusive=False)
    assert exclusive.is_alive()
    runs.leave(exclusive=False)
    exclusive.join(30)

    assert not exclusive.is_alive()


def test_the_others_go_on_when_it_has_ended(runs):
    runs.enter(exclusive=True)
    waiting = in_thread(runs.wait)
    assert waiting.is_alive()

    runs.leave(exclusive=True)
    waiting.join(30)

    assert not waiting.is_alive()
    assert runs.enter(exclusive=False)


def test_outcomes_are_settled_before_an_exclusive_run_and_before_others_enter():
    settled = []
    runs = ExclusiveRuns(settle=lambda: settled.append(is_claimed(runs)))

    runs.enter(exclusive=True)
    assert settled == [True]
    runs.leave(exclusive=True)

    assert settled == [True, True]
    assert not is_claimed(runs)


def test_one_that_others_never_leave_is_run_beside_them(runs, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.01)
    runs.enter(exclusive=False)

    assert runs.enter(exclusive=True)
