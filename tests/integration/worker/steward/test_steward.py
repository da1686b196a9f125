"""The steward: which tokens it takes messages from, and when."""

from types import SimpleNamespace

import pytest

from taskhub.exceptions import BrokerUnavailable
from taskhub.worker.steward import leases as module
from taskhub.worker.steward.leases import Leases
from tests.factories import small_node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

OTHER = "another-nodes-worker"


@pytest.fixture
def clock(monkeypatch):
    """What the steward takes for the time."""
    clock = SimpleNamespace(now=1000.0)
    fake = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr(module, "time", fake)
    return clock


@pytest.fixture
def steward(config, clock):
    """What keeps the leases of a node without processes, which has just begun."""
    return Leases(
        small_node(config, "default", "mail"), lambda: None, lambda token: None
    )


@pytest.fixture
def held(bench):
    """A message that a worker of another node holds, which has fallen silent."""
    bench.join(OTHER)
    held = bench.put_one()
    assert bench.reserve(OTHER) == [held]
    bench.end_lease(OTHER)
    return held


def test_what_the_silent_held_is_taken_back(bench, steward, clock, held):
    steward.round()
    clock.now += 3
    steward.round()

    assert bench.places() == {held: ["ready"]}


def test_after_an_outage_the_others_have_time_to_come_back(bench, steward, clock, held):
    """All were silent; the first to be back takes nothing from those who live."""
    steward.round()
    clock.now += 2.9
    steward.round()
    assert bench.places() == {held: [f"held {OTHER}"]}

    assert bench.broker.heartbeat(["default", "mail"], [OTHER]) == set()
    clock.now += 3600
    steward.round()

    assert bench.places() == {held: [f"held {OTHER}"]}


def test_the_time_begins_anew_with_every_outage(
    bench, steward, clock, held, monkeypatch
):
    def be_away(*args):
        raise BrokerUnavailable("away")

    steward.round()
    with monkeypatch.context() as patch:
        patch.setattr(bench.broker, "silent", be_away)
        steward.round()
    clock.now += 3
    steward.round()
    assert bench.places() == {held: [f"held {OTHER}"]}

    clock.now += 3
    steward.round()
    assert bench.places() == {held: ["ready"]}


def test_who_falls_silent_again_has_as_much_time_again(bench, steward, clock, held):
    steward.round()
    bench.broker.heartbeat(["default", "mail"], [OTHER])
    steward.round()
    clock.now += 3
    bench.end_lease(OTHER)

    steward.round()

    assert bench.places() == {held: [f"held {OTHER}"]}
