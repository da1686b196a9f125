"""The circuit breaker, with a clock of its own."""

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


def test_what_has_not_failed_is_tried(breaker):
    assert breaker.allows()
    assert breaker.allows()


def test_what_has_failed_is_not_tried_for_a_while(breaker, clock):
    breaker.fail()

    assert not breaker.allows()
    clock.now += 1.9
    assert not breaker.allows()


def test_then_one_is_let_through_and_the_others_wait_for_it(breaker, clock):
    breaker.fail()
    clock.now += 2

    assert breaker.allows()
    assert not breaker.allows()


def test_one_that_never_tells_how_it_went_is_followed_by_another(breaker, clock):
    breaker.fail()
    clock.now += 2
    assert breaker.allows()
    clock.now += 2

    assert breaker.allows()


def test_a_success_lets_all_through(breaker):
    breaker.fail()
    breaker.succeed()

    assert breaker.allows()
    assert breaker.allows()


def test_another_failure_begins_the_while_anew(breaker, clock):
    breaker.fail()
    clock.now += 2
    assert breaker.allows()
    clock.now += 1
    breaker.fail()
    clock.now += 1.9

    assert not breaker.allows()


def test_the_first_of_those_that_are_skipped_is_told(breaker):
    breaker.fail()
    assert [breaker.skip() for _ in range(3)] == [True, False, False]

    breaker.fail()
    assert breaker.skip()
