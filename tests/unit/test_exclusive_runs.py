"""Being alone in a process."""

from threading import Thread

import pytest

from taskhub.worker.process import exclusive_runs as module
from taskhub.worker.process.exclusive_runs import Solitude
from tests.servers import wait_until


@pytest.fixture
def solitude():
    return Solitude(settle=lambda: None)


def in_thread(function, **arguments):
    thread = Thread(target=function, kwargs=arguments, daemon=True)
    thread.start()
    return thread


def is_claimed(solitude):
    if entered := solitude.enter(alone=False):
        solitude.leave(alone=False)
    return not entered


def test_those_that_need_not_be_alone_are_together(solitude):
    assert solitude.enter(alone=False)
    assert solitude.enter(alone=False)
    solitude.wait()


def test_nobody_enters_beside_one_that_is_alone(solitude):
    assert solitude.enter(alone=True)

    assert not solitude.enter(alone=False)
    assert not solitude.enter(alone=True)


def test_one_that_is_to_be_alone_waits_for_the_others_to_end(solitude):
    solitude.enter(alone=False)
    solitude.enter(alone=False)
    alone = in_thread(solitude.enter, alone=True)
    wait_until(lambda: is_claimed(solitude), "the claim")

    solitude.leave(alone=False)
    assert alone.is_alive()
    solitude.leave(alone=False)
    alone.join(30)

    assert not alone.is_alive()


def test_the_others_go_on_when_it_has_ended(solitude):
    solitude.enter(alone=True)
    waiting = in_thread(solitude.wait)
    assert waiting.is_alive()

    solitude.leave(alone=True)
    waiting.join(30)

    assert not waiting.is_alive()
    assert solitude.enter(alone=False)


def test_outcomes_are_settled_before_one_is_alone_and_before_others_enter():
    settled = []
    solitude = Solitude(settle=lambda: settled.append(is_claimed(solitude)))

    solitude.enter(alone=True)
    assert settled == [True]
    solitude.leave(alone=True)

    assert settled == [True, True]
    assert not is_claimed(solitude)


def test_one_that_others_never_leave_is_run_beside_them(solitude, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.01)
    solitude.enter(alone=False)

    assert solitude.enter(alone=True)
