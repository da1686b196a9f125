"""
Hints for idle workers: each message that can be taken leaves one.

An idle worker on Redis sleeps until there is a hint, or for a second or more. Without
hints everything works, and each task waits for that long.
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
    """The id of a message that is held, with no hint left."""
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


def test_each_new_message_leaves_one(bench):
    bench.put(EnvelopeFactory(), EnvelopeFactory())

    assert hints(bench) == 2


def test_a_message_that_is_there_already_leaves_none(bench):
    envelope = EnvelopeFactory()
    bench.put(envelope)
    forget_hints(bench)

    bench.put(envelope)

    assert hints(bench) == 0


def test_only_what_is_due_before_all_others_wakes_a_sleeper(bench):
    """Who sleeps knows when the earliest is due."""
    bench.put_one(run_after=due(hours=2))
    assert hints(bench) == 1

    bench.put_one(run_after=due(hours=3))
    assert hints(bench) == 1

    bench.put_one(run_after=due(hours=1))
    assert hints(bench) == 2


def test_what_is_given_back_leaves_one(bench, held):
    bench.broker.release("default", [held], token=TOKEN)

    assert hints(bench) == 1


def test_what_is_put_off_leaves_one(bench, held):
    when = {held: due(minutes=1)}
    bench.broker.postpone("default", when, token=TOKEN, started=False)

    assert hints(bench) == 1


def test_what_is_taken_back_leaves_one(bench, held):
    bench.broker.reclaim(["default"], TOKEN)

    assert hints(bench) == 1


def test_what_had_lost_its_place_leaves_one(bench):
    stray = bench.put_one()
    bench.client.delete(bench.key("default", "ready"))
    forget_hints(bench)

    assert bench.broker.put_back("default", [stray]) == 1

    assert hints(bench) == 1


def test_a_queue_that_goes_on_leaves_one(bench):
    bench.broker.pause("default", paused=True)
    bench.put_one()
    forget_hints(bench)

    bench.broker.pause("default", paused=False)

    assert hints(bench) == 1


def test_hints_are_bounded(bench):
    bench.put(*(EnvelopeFactory() for _ in range(1_500)))

    assert 0 < hints(bench) < 1_500
