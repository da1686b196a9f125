"""
When Redis loses keys, no message is in two places, and a sweep leaves none without one.

A state machine calls the methods of the contract while keys are deleted one by one. It
compares the reports of the broker with the content of Redis, read key by key. The rules
are documented in `taskhub/brokers/redis/prelude.lua`.
"""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from taskhub.exceptions import LeaseLost
from taskhub.messages import Returned
from tests.benches import RedisBench, forget_all
from tests.factories import EnvelopeFactory

QUEUE = "default"
TOKENS = ("token-0", "token-1")
ZSETS = ("delayed", "ready", "nodes", *(f"held:{token}" for token in TOKENS))
MOST = 3
CAME_BACK = Returned("", died=False)
NUMBERS = st.integers(min_value=0, max_value=MOST - 1)


class LossMachine(RuleBasedStateMachine):
    """One queue, two tokens, three messages, and keys that are deleted."""

    bench: RedisBench

    def __init__(self) -> None:
        super().__init__()
        self.broker = self.bench.broker
        self.envelopes = {}
        #: Messages acknowledged by their holder, which must not be delivered again.
        self.done = set()
        for token in TOKENS:
            self.broker.join([QUEUE], token)
        self.push(delayed=True)
        for _ in range(MOST - 1):
            self.push(delayed=False)

    def pick(self, number: int) -> str:
        return [*self.envelopes][number]

    # The content of Redis, read key by key.

    def read(self) -> dict[str, set[str]]:
        pipe = self.bench.client.pipeline(transaction=False)
        pipe.hkeys(self.bench.key(QUEUE, "messages"))
        for name in ZSETS:
            pipe.zrange(self.bench.key(QUEUE, name), 0, -1)
        found = [{each.decode() for each in ids} for ids in pipe.execute()]
        return dict(zip(("messages", *ZSETS), found, strict=True))

    def places(self) -> dict[str, list[str]]:
        """The places of each message; being held without a lease is not a place."""
        found = self.read()
        names = ["delayed", "ready", *(f"held:{each}" for each in found["nodes"])]
        return {
            key: [name for name in names if key in found[name]]
            for key in self.envelopes
        }

    def bodies(self) -> set[str]:
        return self.read()["messages"]

    def held(self) -> set[str]:
        return {
            key
            for key, places in self.places().items()
            if any(place.startswith("held") for place in places)
        }

    # Calls of the broker, and losses.

    def push(self, *, delayed: bool) -> None:
        due = timezone.now() + timedelta(days=1) if delayed else None
        envelope = EnvelopeFactory(run_after=due)
        self.envelopes[str(envelope.id)] = envelope
        self.broker.push([envelope])

    @rule(name=st.sampled_from(("messages", *ZSETS)))
    def lose(self, name):
        self.bench.client.delete(self.bench.key(QUEUE, name))

    @rule(name=st.sampled_from(("messages", "delayed", "ready")), number=NUMBERS)
    def lose_an_entry(self, name, number):
        key, client = self.bench.key(QUEUE, name), self.bench.client
        remove = client.hdel if name == "messages" else client.zrem
        remove(key, self.pick(number))

    @rule(token=st.sampled_from(TOKENS), limit=st.integers(min_value=1, max_value=3))
    def reserve(self, token, limit):
        held = self.held()
        try:
            taken = self.broker.reserve([QUEUE], limit=limit, token=token)
        except LeaseLost:
            assert token not in self.read()["nodes"]
            return
        ids = {delivery.id for delivery in taken}
        assert not ids & held, "it is held by somebody already"
        assert not ids & self.done, "it was done"
        assert all(delivery.body for delivery in taken)

    @rule(token=st.sampled_from(TOKENS), number=NUMBERS)
    def acknowledge(self, token, number):
        key = self.pick(number)
        before = self.places()[key]
        elsewhere = [each for each in before if each != f"held:{token}"]
        had_body = key in self.bodies()

        is_done = self.broker.acknowledge(QUEUE, [key], token=token) == {key}

        assert is_done == (f"held:{token}" in before)
        assert self.places()[key] == elsewhere, "it was somebody else's"
        assert (key in self.bodies()) == bool(had_body and elsewhere)
        if is_done:
            self.done.add(key)

    @rule(token=st.sampled_from(TOKENS), number=NUMBERS, started=st.booleans())
    def release(self, token, number, started):
        ids = [self.pick(number)]
        self.broker.release(QUEUE, ids, token=token, started=started)

    @rule(token=st.sampled_from(TOKENS), number=NUMBERS)
    def postpone(self, token, number):
        due = timezone.now() + timedelta(days=1)
        dues = {self.pick(number): due}
        self.broker.postpone(QUEUE, dues, token=token, started=True)

    @rule(token=st.sampled_from(TOKENS))
    def die_and_come_back(self, token):
        self.broker.reclaim([QUEUE], token)
        assert not self.broker.held(QUEUE, token)
        self.broker.join([QUEUE], token)

    @rule(number=NUMBERS, delayed=st.booleans())
    def push_again(self, number, delayed):
        """Push again, as a sweep may do; the due time may have changed."""
        key = self.pick(number)
        if key not in self.done:
            due = timezone.now() + timedelta(days=1) if delayed else None
            self.broker.push(
                [replace(self.envelopes[key], run_after=due, returned=CAME_BACK)]
            )
            assert len(self.places()[key]) == 1

    @rule()
    def sweep(self):
        """Push all lost messages again, as a steward does."""
        unfinished = [UUID(key) for key in self.envelopes if key not in self.done]
        missing = self.broker.missing(QUEUE, unfinished)
        self.broker.push(
            [replace(self.envelopes[str(pk)], returned=CAME_BACK) for pk in missing]
        )

        places, known = self.places(), self.bodies() | self.held()
        for key in self.envelopes.keys() - self.done:
            assert len(places[key]) == 1, f"{key} is in {places[key]}"
            assert key in known

    @rule()
    def sweep_bodies(self):
        """Put back messages that have a body but no place; this needs no rows."""
        self.broker.put_back(QUEUE, self.broker.astray(QUEUE))

        places = self.places()
        assert all(places[key] for key in self.bodies())

    # Invariants.

    @invariant()
    def reports_of_the_broker_are_true(self):
        places, bodies, held = self.places(), self.bodies(), self.held()
        assert all(len(found) <= 1 for found in places.values())
        assert not bodies & self.done
        missing = {
            UUID(key)
            for key, found in places.items()
            if not (key in held or (key in bodies and found))
        }
        pks = [UUID(key) for key in self.envelopes]
        assert self.broker.missing(QUEUE, pks) == missing
        depth = self.broker.depth(QUEUE)
        assert depth.held == len(held)
        placed = depth.delayed + depth.ready + depth.held
        assert depth.astray == len(bodies) - placed

    def teardown(self) -> None:
        forget_all(self.bench.client, self.broker.config)


def test_after_lost_keys_a_sweep_leaves_each_message_in_one_place(bench):
    if bench.broker.lives_in_rows:
        pytest.skip("a row cannot lose only a part of a message")
    machine = type("Machine", (LossMachine,), {"bench": bench})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
