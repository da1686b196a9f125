"""
After any sequence of calls, every message has exactly one place.

A state machine drives a real broker and a simple model of it, which is made of dicts.
After every step the state of the broker must equal the state of the model.
"""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from taskhub.exceptions import LeaseLost
from taskhub.messages import Depth, Returned
from tests.benches import Bench
from tests.factories import EnvelopeFactory

QUEUE = "default"

# The numbers from which the names of tokens are made.
TOKENS = st.integers(min_value=0, max_value=3)


class BrokerMachine(RuleBasedStateMachine):
    """One queue, a few tokens, and the methods of the contract."""

    bench: Bench
    messages = Bundle("messages")

    def __init__(self) -> None:
        super().__init__()
        self.envelopes = {}
        # The place of each message: "delayed", "due", "ready" or "held <token>".
        self.places = {}
        # How each returned message came back.
        self.returned = {}
        # Whether each token with a lease has been silent for too long.
        self.silent = {}
        self.generation = 0

    def token(self, number: int) -> str:
        return f"token-{self.generation}-{number}"

    def held_by(self, token: str) -> list[str]:
        return [key for key, place in self.places.items() if place == f"held {token}"]

    def take_back(self, keys: list[str]) -> None:
        for key in keys:
            holder = self.places[key].removeprefix("held ")
            self.places[key] = "ready"
            self.returned[key] = Returned(holder, died=True)

    # Messages.

    @rule(
        target=messages,
        priorities=st.lists(st.sampled_from([-100, 0, 0, 7, 100]), max_size=4),
        delayed=st.booleans(),
    )
    def push(self, priorities, delayed):
        due = timezone.now() + timedelta(days=1) if delayed else None
        new = [EnvelopeFactory(priority=each, run_after=due) for each in priorities]
        self.bench.put(*new)
        for envelope in new:
            self.envelopes[str(envelope.id)] = envelope
            self.places[str(envelope.id)] = "delayed" if delayed else "ready"
        return multiple(*(str(envelope.id) for envelope in new))

    @rule(key=messages)
    def push_again(self, key):
        if key in self.places:
            self.bench.put(self.envelopes[key])

    @rule(key=messages)
    def make_due(self, key):
        if self.places.get(key) == "delayed":
            self.bench.make_due(key)
            self.places[key] = "due"

    @rule(key=messages)
    def cancel(self, key):
        can = self.places.get(key) in ("delayed", "due", "ready")

        cancelled = self.bench.broker.cancel(QUEUE, [self.envelopes[key].id])

        assert cancelled == ({self.envelopes[key].id} if can else set())
        if can:
            del self.places[key]
            self.returned.pop(key, None)

    # Delivery.

    @rule(number=TOKENS, limit=st.integers(min_value=1, max_value=5))
    def reserve(self, number, limit):
        token = self.token(number)
        if token not in self.silent:
            with pytest.raises(LeaseLost):
                self.bench.reserve(token)
            return
        for key, place in self.places.items():
            if place == "due":
                self.places[key] = "ready"
        line = sorted(
            (key for key, place in self.places.items() if place == "ready"),
            key=lambda key: (-self.envelopes[key].priority, key),
        )

        taken = self.bench.broker.reserve([QUEUE], limit=limit, token=token)

        assert [delivery.id for delivery in taken] == line[:limit]
        for delivery in taken:
            assert delivery.returned == self.returned.get(delivery.id)
            self.places[delivery.id] = f"held {token}"

    @rule(number=TOKENS, key=messages)
    def acknowledge(self, number, key):
        token = self.token(number)
        mine = self.places.get(key) == f"held {token}"

        done = self.bench.broker.acknowledge(QUEUE, [key], token=token)

        assert done == ({key} if mine else set())
        if mine:
            del self.places[key]
            self.returned.pop(key, None)

    @rule(number=TOKENS, key=messages, started=st.booleans())
    def release(self, number, key, started):
        token = self.token(number)
        mine = self.places.get(key) == f"held {token}"

        released = self.bench.broker.release(QUEUE, [key], token=token, started=started)

        assert released == int(mine)
        if mine:
            self.places[key] = "ready"
            if started:
                self.returned[key] = Returned(token, died=False)

    @rule(number=TOKENS, key=messages, started=st.booleans())
    def postpone(self, number, key, started):
        token = self.token(number)
        mine = self.places.get(key) == f"held {token}"
        due = {key: timezone.now() + timedelta(days=1)}

        postponed = self.bench.broker.postpone(QUEUE, due, token=token, started=started)

        assert postponed == int(mine)
        if mine:
            self.places[key] = "delayed"
            if started:
                self.returned[key] = Returned(token, died=False)

    # Leases.

    @rule(number=TOKENS)
    def join(self, number):
        token = self.token(number)
        if token not in self.silent:
            self.bench.join(token)
            self.silent[token] = False

    @rule(number=TOKENS)
    def fall_silent(self, number):
        token = self.token(number)
        if token in self.silent:
            self.bench.end_lease(token)
            self.silent[token] = True

    @rule(number=TOKENS)
    def heartbeat(self, number):
        token = self.token(number)

        lost = self.bench.broker.heartbeat([QUEUE, "mail"], [token])

        assert lost == (set() if token in self.silent else {token})
        if token in self.silent:
            self.silent[token] = False

    @rule()
    def reclaim_from_the_silent(self):
        dead = [token for token, silent in self.silent.items() if silent]
        taken_back = [key for token in dead for key in self.held_by(token)]

        assert self.bench.reclaim_silent() == len(taken_back)

        self.take_back(taken_back)
        for token in dead:
            del self.silent[token]
        # A name of a token is never used twice: new tokens get new names.
        if not self.silent:
            self.generation += 1

    @rule(number=TOKENS)
    def reclaim_from_the_dead(self, number):
        token = self.token(number)
        taken_back = self.held_by(token)

        reclaimed = self.bench.broker.reclaim([QUEUE, "mail"], token)

        assert reclaimed == len(taken_back)
        self.take_back(taken_back)
        self.silent.pop(token, None)

    @invariant()
    def every_message_has_exactly_one_place(self):
        expected = {
            key: ["delayed" if place == "due" else place]
            for key, place in self.places.items()
        }
        assert self.bench.places(QUEUE) == expected

    @invariant()
    def depth_agrees(self):
        places = [
            "held" if place.startswith("held") else place
            for place in self.places.values()
        ]
        assert self.bench.broker.depth(QUEUE) == Depth(
            delayed=places.count("delayed") + places.count("due"),
            ready=places.count("ready"),
            held=places.count("held"),
        )

    @invariant()
    def every_holder_has_a_lease(self):
        for place in self.places.values():
            if place.startswith("held "):
                assert place.removeprefix("held ") in self.silent

    def teardown(self) -> None:
        # Empty the broker for the next example.
        for key, place in self.places.items():
            self.bench.broker.cancel(QUEUE, [self.envelopes[key].id])
            if place.startswith("held "):
                token = place.removeprefix("held ")
                self.bench.broker.acknowledge(QUEUE, [key], token=token)
        for token in self.silent:
            self.bench.broker.reclaim([QUEUE, "mail"], token)


def test_every_message_has_exactly_one_place(bench):
    machine = type("Machine", (BrokerMachine,), {"bench": bench})

    run_state_machine_as_test(
        machine,
        settings=settings(
            # A step of the database broker takes ten times as long.
            max_examples=20 if bench.broker.lives_in_rows else 60,
            stateful_step_count=40,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
