"""The steward: which tokens it reclaims messages from, and when."""

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
    """The fake clock that the steward reads."""
    clock = SimpleNamespace(now=1000.0)
    fake = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr(module, "time", fake)
    return clock


@pytest.fixture
def steward(config, clock):
    """The leases of a node that has just started and has no worker processes."""
    return Leases(
        small_node(config, "default", "mail"), lambda: None, lambda token: None
    )


@pytest.fixture
def held(bench):
    """A message held by a worker process of another node that has fallen silent."""
    bench.join(OTHER)
    held = bench.put_one()
    assert bench.reserve(OTHER) == [held]
    bench.end_lease(OTHER)
    return held


def test_messages_of_a_silent_token_are_reclaimed(bench, steward, clock, held):
    steward.round()
    clock.now += 3
    steward.round()

    assert bench.places() == {held: ["ready"]}


def test_after_an_outage_other_nodes_have_time_to_return(bench, steward, clock, held):
    """All nodes were silent; the first to return reclaims nothing from living ones."""
    steward.round()
    clock.now += 2.9
    steward.round()
    assert bench.places() == {held: [f"held {OTHER}"]}

    assert bench.broker.heartbeat(["default", "mail"], [OTHER]) == set()
    clock.now += 3600
    steward.round()

    assert bench.places() == {held: [f"held {OTHER}"]}


def test_each_outage_restarts_the_waiting_time(
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


def test_a_token_that_falls_silent_again_gets_the_full_waiting_time(
    bench, steward, clock, held
):
    steward.round()
    bench.broker.heartbeat(["default", "mail"], [OTHER])
    steward.round()
    clock.now += 3
    bench.end_lease(OTHER)

    steward.round()

    assert bench.places() == {held: [f"held {OTHER}"]}
