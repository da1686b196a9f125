"""The contract of `brokers/base.py`, tested on every broker."""

import sys
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

import pytest
from django.utils import timezone

from taskhub.brokers.database import listening
from taskhub.brokers.redis import broker as redis_broker
from taskhub.exceptions import LeaseLost
from taskhub.messages import Depth, Returned
from taskhub.models import TaskResult
from tests.factories import EnvelopeFactory, new_id
from tests.servers import wait_until

pytestmark = pytest.mark.every_redis

TOKEN, OTHER = "worker-1", "worker-2"


@pytest.fixture(autouse=True)
def leases(bench):
    bench.join(TOKEN, OTHER)


def later() -> object:
    return timezone.now() + timedelta(hours=1)


# Order.


def test_reserve_returns_messages_in_the_order_of_enqueueing(bench):
    ids = [bench.put_one() for _ in range(5)]

    assert bench.reserve(TOKEN) == ids


def test_the_order_of_pushing_does_not_matter(bench):
    first, second = EnvelopeFactory(), EnvelopeFactory()
    bench.put(second)
    bench.put(first)

    assert bench.reserve(TOKEN) == [str(first.id), str(second.id)]


def test_messages_of_a_higher_priority_are_reserved_first(bench):
    low = bench.put_one(priority=-100)
    normal = bench.put_one(priority=0)
    high = bench.put_one(priority=100)

    assert bench.reserve(TOKEN) == [high, normal, low]


def test_reserve_returns_at_most_limit_messages(bench):
    ids = [bench.put_one() for _ in range(3)]

    assert bench.reserve(TOKEN, limit=2) == ids[:2]
    assert bench.reserve(TOKEN, limit=2) == ids[2:]
    assert bench.reserve(TOKEN, limit=2) == []


def test_queues_take_turns(bench):
    default = [bench.put_one() for _ in range(4)]
    mail = [bench.put_one(queue_name="mail") for _ in range(4)]

    taken = [
        bench.broker.reserve(["default", "mail"], limit=1, token=TOKEN)[0].id
        for _ in range(4)
    ]

    assert sorted(taken) == sorted([*default[:2], *mail[:2]])


def test_reserve_takes_nothing_from_other_queues(bench):
    bench.put_one(queue_name="mail")

    assert bench.reserve(TOKEN, queue="default") == []


@pytest.fixture
def many(bench):
    """22 queues; most of them stay empty."""
    names = ["default", "mail", *(f"queue-{number}" for number in range(20))]
    bench.broker.join(names, TOKEN)
    bench.broker.join(names, OTHER)
    return names


def test_reserve_finds_messages_among_many_empty_queues(bench, many):
    ids = [bench.put_one(queue_name=name) for name in ("queue-3", "mail", "queue-19")]
    bench.put_one(queue_name="queue-5", run_after=later())
    due = bench.put_one(queue_name="queue-7", run_after=later())
    bench.make_due(due, "queue-7")

    taken = bench.broker.reserve(many, limit=100, token=TOKEN)

    assert sorted(each.id for each in taken) == sorted([*ids, due])
    assert bench.broker.reserve(many, limit=100, token=TOKEN) == []


def test_many_queues_take_turns(bench, many):
    for name in many:
        bench.put_one(queue_name=name)
    taken = [bench.broker.reserve(many, limit=1, token=TOKEN) for _ in many]

    assert sorted(each.queue_name for (each,) in taken) == sorted(many)


@pytest.mark.parametrize("empty", ["queue-0", "queue-19"])
def test_a_lost_lease_is_noticed_among_many_empty_queues(bench, many, empty):
    bench.broker.reclaim([empty], TOKEN)

    with pytest.raises(LeaseLost):
        bench.broker.reserve(many, limit=1, token=TOKEN)


def test_wait_ignores_the_due_time_of_a_message_that_is_gone(bench, many):
    broker = bench.broker
    soon = timezone.now() + timedelta(milliseconds=50)
    delayed = bench.put_one(queue_name="queue-3", run_after=soon)
    broker.reserve(many, limit=1, token=TOKEN)
    broker.wait(many, 1)
    if broker.lives_in_rows:
        TaskResult.objects.all().delete()
    broker.cancel("queue-3", [UUID(delayed)])
    assert broker.reserve(many, limit=1, token=TOKEN) == []

    began = monotonic()
    broker.wait(many, 0.05)

    assert monotonic() - began > 0.04


# Bodies.


def test_a_delivery_contains_the_pushed_message(bench):
    envelope = EnvelopeFactory(body=b"\x00any bytes: \xff\n")
    bench.put(envelope)

    (delivery,) = bench.broker.reserve(["default"], limit=1, token=TOKEN)

    assert (delivery.id, delivery.queue_name) == (str(envelope.id), "default")
    assert not delivery.redelivered
    if bench.broker.lives_in_rows:
        assert delivery.message.id == envelope.id
        assert delivery.message.args == [1, 2]
    else:
        assert delivery.body == envelope.body


def test_many_large_messages_can_be_pushed_at_once(bench):
    envelopes = [EnvelopeFactory(body=bytes(10_000)) for _ in range(1_200)]
    bench.put(*envelopes)

    taken = [*bench.reserve(TOKEN, limit=1_000), *bench.reserve(TOKEN, limit=1_000)]

    assert taken == [str(envelope.id) for envelope in envelopes]


# Pushing.


def test_pushing_an_id_again_changes_nothing(bench):
    envelope = EnvelopeFactory()
    bench.put(envelope)
    bench.put(envelope, envelope)
    assert bench.reserve(TOKEN) == [str(envelope.id)]

    bench.put(envelope)

    assert bench.reserve(OTHER) == []
    assert bench.places() == {str(envelope.id): [f"held {TOKEN}"]}


def test_a_message_is_delayed_until_it_is_due(bench):
    delayed = bench.put_one(run_after=later())
    assert bench.places() == {delayed: ["delayed"]}
    assert bench.reserve(TOKEN) == []

    bench.make_due(delayed)

    assert bench.reserve(TOKEN) == [delayed]


def test_a_message_that_was_due_long_ago_is_ready_at_once(bench):
    due = bench.put_one(run_after=timezone.now() - timedelta(days=1))

    assert bench.reserve(TOKEN) == [due]


def test_a_message_that_becomes_due_is_ordered_by_its_priority(bench):
    delayed = bench.put_one(run_after=later(), priority=50)
    high, normal = bench.put_one(priority=60), bench.put_one()
    bench.make_due(delayed)

    assert bench.reserve(TOKEN) == [high, delayed, normal]


def test_many_messages_become_due_at_once(bench):
    envelopes = [EnvelopeFactory(run_after=later()) for _ in range(50)]
    bench.put(*envelopes)
    for envelope in envelopes:
        bench.make_due(str(envelope.id))

    assert len(bench.reserve(TOKEN, limit=100)) == 50


# Acknowledge, release and postpone.


def test_acknowledge_removes_a_message(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.acknowledge("default", [message], token=TOKEN) == {message}
    assert bench.places() == {}
    assert bench.broker.acknowledge("default", [message], token=TOKEN) == set()


def test_only_the_holder_can_acknowledge_a_message(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.acknowledge("default", [message], token=OTHER) == set()
    assert bench.places() == {message: [f"held {TOKEN}"]}


def test_released_messages_keep_their_position(bench):
    ids = [bench.put_one() for _ in range(3)]
    bench.reserve(TOKEN, limit=2)

    assert bench.broker.release("default", ids[:2], token=TOKEN) == 2
    assert bench.reserve(OTHER) == ids


def test_a_message_released_unstarted_is_not_marked_as_redelivered(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    bench.broker.release("default", [message], token=TOKEN)

    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)

    assert not delivery.redelivered


def test_a_started_message_stays_marked_as_redelivered(bench):
    message = bench.put_one()
    for _ in range(2):
        bench.reserve(TOKEN)
        bench.broker.release("default", [message], token=TOKEN, started=True)
    bench.reserve(TOKEN)
    bench.broker.release("default", [message], token=TOKEN)

    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)

    assert delivery.returned == Returned(TOKEN, died=False)
    assert not delivery.has_killed


def test_reclaim_records_that_the_holder_did_not_die(bench):
    bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.reclaim(["default"], TOKEN, died=False) == 1

    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)
    assert delivery.returned == Returned(TOKEN, died=False)


def test_a_delivery_names_only_the_last_holder(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    bench.broker.reclaim(["default"], TOKEN)
    bench.reserve(OTHER)
    bench.broker.release("default", [message], token=OTHER, started=True)

    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)

    assert delivery.returned == Returned(OTHER, died=False)


def test_reserve_returns_at_most_1000_messages_for_a_larger_limit(bench):
    bench.put(*(EnvelopeFactory() for _ in range(1_001)))

    assert len(bench.reserve(TOKEN, limit=5_000)) == 1_000


def test_a_postponed_message_is_not_delivered_before_it_is_due(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    postponed = bench.broker.postpone(
        "default", {message: later()}, token=TOKEN, started=True
    )

    assert postponed == 1
    assert bench.places() == {message: ["delayed"]}
    assert bench.reserve(TOKEN) == []
    bench.make_due(message)
    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)
    assert delivery.returned == Returned(TOKEN, died=False)


def test_a_message_postponed_unstarted_is_not_marked_as_redelivered(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    bench.broker.postpone("default", {message: later()}, token=TOKEN, started=False)

    bench.make_due(message)
    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)
    assert delivery.returned is None


def test_postpone_does_not_depend_on_the_clock_of_the_holder(bench, monkeypatch):
    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=1)

    message = bench.put_one()
    bench.reserve(TOKEN)
    module = sys.modules[type(bench.broker).__module__]
    monkeypatch.setattr(module, "datetime", Ahead)

    due = {message: Ahead.now(UTC) - timedelta(seconds=1)}
    bench.broker.postpone("default", due, token=TOKEN, started=True)

    assert bench.reserve(OTHER) == [message]


def test_only_the_holder_can_postpone_a_message(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    due = {message: later()}

    assert bench.broker.postpone("default", due, token=OTHER, started=True) == 0
    assert bench.places() == {message: [f"held {TOKEN}"]}


def test_only_the_holder_can_release_a_message(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.release("default", [message], token=OTHER) == 0
    assert bench.places() == {message: [f"held {TOKEN}"]}


def test_held_returns_the_messages_of_a_token(bench):
    held = bench.put_one()
    bench.reserve(TOKEN)
    bench.put_one()

    assert bench.broker.held("default", TOKEN) == {held}
    assert bench.broker.held("default", OTHER) == set()


# Cancelling.


def test_ready_and_delayed_messages_can_be_cancelled(bench):
    ready, delayed = EnvelopeFactory(), EnvelopeFactory(run_after=later())
    bench.put(ready, delayed)

    cancelled = bench.broker.cancel("default", [ready.id, delayed.id, new_id()])

    assert cancelled == {ready.id, delayed.id}
    assert bench.places() == {}


def test_a_held_message_cannot_be_cancelled(bench):
    envelope = EnvelopeFactory()
    bench.put(envelope)
    bench.reserve(TOKEN)

    assert bench.broker.cancel("default", [envelope.id]) == set()
    assert bench.places() == {str(envelope.id): [f"held {TOKEN}"]}


# Leases.


def test_a_token_without_a_lease_reserves_nothing(bench):
    bench.put_one()

    with pytest.raises(LeaseLost, match="stranger"):
        bench.reserve("stranger")


def test_a_token_may_join_again(bench):
    """The reply to the first call may have been lost."""
    message = bench.put_one()
    bench.join(TOKEN)
    assert bench.reserve(TOKEN) == [message]

    bench.join(TOKEN)

    assert bench.places() == {message: [f"held {TOKEN}"]}
    assert bench.reclaim_silent() == 0


def test_messages_of_a_silent_token_are_reclaimed(bench):
    held = [bench.put_one() for _ in range(3)]
    bench.reserve(TOKEN)
    bench.end_lease(TOKEN)

    assert bench.reclaim_silent() == 3

    deliveries = bench.broker.reserve(["default"], limit=10, token=OTHER)
    assert [delivery.id for delivery in deliveries] == held
    assert all(each.returned == Returned(TOKEN, died=True) for each in deliveries)


def test_messages_of_a_living_token_are_not_reclaimed(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.reclaim_silent() == 0
    assert bench.broker.reclaim(["default"], TOKEN, if_silent=True) == 0
    assert bench.places() == {message: [f"held {TOKEN}"]}


def test_messages_of_a_dead_token_are_reclaimed_before_its_lease_ends(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.reclaim(["default"], TOKEN) == 1
    assert bench.places() == {message: ["ready"]}


def test_reclaim_takes_back_more_than_one_batch(bench):
    bench.put(*(EnvelopeFactory() for _ in range(1_000)))
    bench.reserve(TOKEN, limit=1_000)

    assert bench.broker.reclaim(["default"], TOKEN) == 1_000
    assert bench.broker.depth("default") == Depth(ready=1_000)


def test_a_reclaimed_token_cannot_reserve_acknowledge_or_release(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    bench.end_lease(TOKEN)
    bench.reclaim_silent()

    assert bench.broker.acknowledge("default", [message], token=TOKEN) == set()
    assert bench.broker.release("default", [message], token=TOKEN) == 0
    assert bench.broker.heartbeat(["default"], [TOKEN, OTHER]) == {TOKEN}
    with pytest.raises(LeaseLost):
        bench.reserve(TOKEN)
    assert bench.places() == {message: ["ready"]}


def test_a_heartbeat_keeps_a_lease_alive(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    bench.end_lease(TOKEN)

    assert bench.broker.heartbeat(["default", "mail"], [TOKEN]) == set()

    assert bench.reclaim_silent() == 0
    assert bench.broker.reclaim(["default"], TOKEN, if_silent=True) == 0
    assert bench.places() == {message: [f"held {TOKEN}"]}


# Inspection.


def test_missing_returns_the_ids_that_the_broker_does_not_have(bench):
    known = [EnvelopeFactory(), EnvelopeFactory(run_after=later()), EnvelopeFactory()]
    bench.put(*known)
    bench.reserve(TOKEN, limit=1)
    strangers = {new_id() for _ in range(3)}

    missing = bench.broker.missing(
        "default", [*(each.id for each in known), *strangers]
    )

    assert missing == strangers


def test_an_acknowledged_message_is_missing(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    bench.broker.acknowledge("default", [message], token=TOKEN)

    assert bench.broker.missing("default", [UUID(message)]) == {UUID(message)}


def test_pushing_a_message_does_not_change_the_fingerprint(bench):
    before = bench.broker.fingerprint(["default"])
    bench.put_one()

    assert bench.broker.fingerprint(["default"]) == before


def test_depth_counts_each_place(bench):
    for _ in range(3):
        bench.put_one()
    bench.put_one(run_after=later())
    bench.reserve(TOKEN, limit=2)

    assert bench.broker.depth("default") == Depth(delayed=1, ready=1, held=2)
    assert bench.broker.depth("mail") == Depth()
    assert set(bench.broker.depths(["default", "mail"])) == {"default", "mail"}
    assert bench.broker.depths(["default"]) == {
        "default": bench.broker.depth("default")
    }


def test_wait_ends_when_a_message_becomes_due(bench, monkeypatch):
    for module in (listening, redis_broker):
        monkeypatch.setattr(module, "MAX_WAIT_SECONDS", 60)
    bench.put_one(run_after=timezone.now() + timedelta(milliseconds=200))
    begun = monotonic()

    while not (taken := bench.reserve(TOKEN)):
        bench.broker.wait(["default"], 60)

    assert len(taken) == 1
    # A wait that ignores the due time takes 60 seconds.
    assert monotonic() - begun < 50


def test_a_queue_with_a_due_message_is_not_idle(bench):
    bench.put_one(run_after=later())
    assert bench.broker.is_idle("default")

    bench.put_one(run_after=timezone.now() + timedelta(milliseconds=200))
    wait_until(lambda: not bench.broker.is_idle("default"), "the message to be due")

    # No worker has reserved, so both are still among the delayed ones.
    assert bench.broker.depth("default") == Depth(delayed=2)


def test_check_accepts_a_broker_that_can_be_used(bench):
    bench.broker.check()
