"""
Hints for idle workers: each message that can be reserved leaves a hint.

An idle worker on Redis sleeps until there is a hint, or for a second or more. Without
hints tasks still run, but each of them waits until the worker wakes up.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import EnvelopeFactory

TOKEN = "worker-1"


@pytest.fixture
def config(configure, redis_url):
    return configure(broker_url=redis_url)


@pytest.fixture
def held(bench):
    """The id of a held message, after all hints were deleted."""
    bench.join(TOKEN)
    held = bench.put_one()
    assert bench.reserve(TOKEN) == [held]
    forget_hints(bench)
    return held


def hints(bench):
    return bench.client.llen(bench.key("default", "wake"))


def forget_hints(bench):
    bench.client.delete(bench.key("default", "wake"))


def due(**distance):
    return timezone.now() + timedelta(**distance)


def test_each_new_message_leaves_a_hint(bench):
    bench.put(EnvelopeFactory(), EnvelopeFactory())

    assert hints(bench) == 2


def test_a_message_that_is_pushed_again_leaves_no_hint(bench):
    envelope = EnvelopeFactory()
    bench.put(envelope)
    forget_hints(bench)

    bench.put(envelope)

    assert hints(bench) == 0


def test_a_delayed_message_leaves_a_hint_only_if_it_is_due_first(bench):
    """A sleeping worker knows when the earliest delayed message is due."""
    bench.put_one(run_after=due(hours=2))
    assert hints(bench) == 1

    bench.put_one(run_after=due(hours=3))
    assert hints(bench) == 1

    bench.put_one(run_after=due(hours=1))
    assert hints(bench) == 2


def test_a_released_message_leaves_a_hint(bench, held):
    bench.broker.release("default", [held], token=TOKEN)

    assert hints(bench) == 1


def test_a_postponed_message_leaves_a_hint(bench, held):
    when = {held: due(minutes=1)}
    bench.broker.postpone("default", when, token=TOKEN, started=False)

    assert hints(bench) == 1


def test_a_reclaimed_message_leaves_a_hint(bench, held):
    bench.broker.reclaim(["default"], TOKEN)

    assert hints(bench) == 1


def test_a_message_that_is_put_back_leaves_a_hint(bench):
    stray = bench.put_one()
    bench.client.delete(bench.key("default", "ready"))
    forget_hints(bench)

    assert bench.broker.put_back("default", [stray]) == 1

    assert hints(bench) == 1


def test_a_resumed_queue_leaves_a_hint(bench):
    bench.broker.pause("default", paused=True)
    bench.put_one()
    forget_hints(bench)

    bench.broker.pause("default", paused=False)

    assert hints(bench) == 1


def test_the_number_of_hints_is_bounded(bench):
    bench.put(*(EnvelopeFactory() for _ in range(1_500)))

    assert 0 < hints(bench) < 1_500
