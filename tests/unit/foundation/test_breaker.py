"""The circuit breaker, tested with a fake clock."""

import pytest

from taskhub.foundation.breaker import Breaker


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(2, clock)


def test_calls_are_allowed_before_any_failure(breaker):
    assert breaker.allows()
    assert breaker.allows()


def test_calls_are_refused_for_a_while_after_a_failure(breaker, clock):
    breaker.fail()

    assert not breaker.allows()
    clock.now += 1.9
    assert not breaker.allows()


def test_only_one_call_is_allowed_after_the_pause(breaker, clock):
    breaker.fail()
    clock.now += 2

    assert breaker.allows()
    assert not breaker.allows()


def test_another_call_is_allowed_if_the_first_never_reports(breaker, clock):
    breaker.fail()
    clock.now += 2
    assert breaker.allows()
    clock.now += 2

    assert breaker.allows()


def test_all_calls_are_allowed_after_a_success(breaker):
    breaker.fail()
    breaker.succeed()

    assert breaker.allows()
    assert breaker.allows()


def test_another_failure_restarts_the_pause(breaker, clock):
    breaker.fail()
    clock.now += 2
    assert breaker.allows()
    clock.now += 1
    breaker.fail()
    clock.now += 1.9

    assert not breaker.allows()


def test_skip_is_true_only_for_the_first_skipped_call(breaker):
    breaker.fail()
    assert [breaker.skip() for _ in range(3)] == [True, False, False]

    breaker.fail()
    assert breaker.skip()
