"""The contract of `brokers/base.py`, on every broker."""

import sys
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

import pytest
from django.utils import timezone

from taskhub.exceptions import LeaseLost
from taskhub.messages import Depth, Returned
from taskhub.models import TaskResult
from tests.factories import EnvelopeFactory, new_id

pytestmark = pytest.mark.every_redis

TOKEN, OTHER = "worker-1", "worker-2"


@pytest.fixture(autouse=True)
def leases(bench):
    bench.join(TOKEN, OTHER)


def later() -> object:
    return timezone.now() + timedelta(hours=1)


# Order.


def test_messages_are_handed_out_in_the_order_in_which_they_were_enqueued(bench):
    ids = [bench.put_one() for _ in range(5)]

    assert bench.reserve(TOKEN) == ids


def test_the_order_is_that_of_enqueueing_and_not_of_pushing(bench):
    first, second = EnvelopeFactory(), EnvelopeFactory()
    bench.put(second)
    bench.put(first)

    assert bench.reserve(TOKEN) == [str(first.id), str(second.id)]


def test_a_higher_priority_goes_first(bench):
    low = bench.put_one(priority=-100)
    normal = bench.put_one(priority=0)
    high = bench.put_one(priority=100)

    assert bench.reserve(TOKEN) == [high, normal, low]


def test_no_more_than_the_limit_is_handed_out(bench):
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


def test_other_queues_are_left_alone(bench):
    bench.put_one(queue_name="mail")

    assert bench.reserve(TOKEN, queue="default") == []


@pytest.fixture
def many(bench):
    """Many queues, of which most are empty."""
    names = ["default", "mail", *(f"queue-{number}" for number in range(20))]
    bench.broker.join(names, TOKEN)
    bench.broker.join(names, OTHER)
    return names


def test_messages_are_found_in_a_few_of_many_queues(bench, many):
    ids = [bench.put_one(queue_name=name) for name in ("queue-3", "mail", "queue-19")]
    bench.put_one(queue_name="queue-5", run_after=later())
    due = bench.put_one(queue_name="queue-7", run_after=later())
    bench.make_due(due, "queue-7")

    taken = bench.broker.reserve(many, limit=100, token=TOKEN)

    assert sorted(each.id for each in taken) == sorted([*ids, due])
    assert bench.broker.reserve(many, limit=100, token=TOKEN) == []


def test_all_of_many_queues_take_turns(bench, many):
    for name in many:
        bench.put_one(queue_name=name)
    taken = [bench.broker.reserve(many, limit=1, token=TOKEN) for _ in many]

    assert sorted(each.queue_name for (each,) in taken) == sorted(many)


@pytest.mark.parametrize("empty", ["queue-0", "queue-19"])
def test_a_lost_lease_is_noticed_though_many_queues_are_empty(bench, many, empty):
    bench.broker.reclaim([empty], TOKEN)

    with pytest.raises(LeaseLost):
        bench.broker.reserve(many, limit=1, token=TOKEN)


def test_what_was_due_in_a_queue_that_is_empty_now_keeps_nobody_awake(bench, many):
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


def test_what_was_pushed_is_what_is_delivered(bench):
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


def test_many_and_large_messages_go_through_at_once(bench):
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


def test_what_becomes_due_is_in_line_by_its_priority(bench):
    delayed = bench.put_one(run_after=later(), priority=50)
    high, normal = bench.put_one(priority=60), bench.put_one()
    bench.make_due(delayed)

    assert bench.reserve(TOKEN) == [high, delayed, normal]


def test_many_become_due_at_once(bench):
    envelopes = [EnvelopeFactory(run_after=later()) for _ in range(50)]
    bench.put(*envelopes)
    for envelope in envelopes:
        bench.make_due(str(envelope.id))

    assert len(bench.reserve(TOKEN, limit=100)) == 50


# Out of being held.


def test_what_is_acknowledged_is_forgotten(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.acknowledge("default", [message], token=TOKEN) == {message}
    assert bench.places() == {}
    assert bench.broker.acknowledge("default", [message], token=TOKEN) == set()


def test_only_the_holder_acknowledges(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.acknowledge("default", [message], token=OTHER) == set()
    assert bench.places() == {message: [f"held {TOKEN}"]}


def test_what_is_released_goes_back_to_where_it_stood(bench):
    ids = [bench.put_one() for _ in range(3)]
    bench.reserve(TOKEN, limit=2)

    assert bench.broker.release("default", ids[:2], token=TOKEN) == 2
    assert bench.reserve(OTHER) == ids


def test_what_is_released_unstarted_is_not_redelivered(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    bench.broker.release("default", [message], token=TOKEN)

    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)

    assert not delivery.redelivered


def test_what_was_started_is_redelivered_and_stays_so(bench):
    message = bench.put_one()
    for _ in range(2):
        bench.reserve(TOKEN)
        bench.broker.release("default", [message], token=TOKEN, started=True)
    bench.reserve(TOKEN)
    bench.broker.release("default", [message], token=TOKEN)

    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)

    assert delivery.returned == Returned(TOKEN, died=False)
    assert not delivery.has_killed


def test_what_a_token_leaves_has_not_killed_it(bench):
    bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.reclaim(["default"], TOKEN, died=False) == 1

    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)
    assert delivery.returned == Returned(TOKEN, died=False)


def test_the_last_return_counts(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    bench.broker.reclaim(["default"], TOKEN)
    bench.reserve(OTHER)
    bench.broker.release("default", [message], token=OTHER, started=True)

    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)

    assert delivery.returned == Returned(OTHER, died=False)


def test_more_than_can_be_handed_out_may_be_asked_for(bench):
    bench.put(*(EnvelopeFactory() for _ in range(1_001)))

    assert len(bench.reserve(TOKEN, limit=5_000)) == 1_000


def test_what_is_postponed_is_not_handed_out_before_it_is_due(bench):
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


def test_what_is_postponed_unstarted_is_as_if_it_had_never_been_handed_out(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    bench.broker.postpone("default", {message: later()}, token=TOKEN, started=False)

    bench.make_due(message)
    (delivery,) = bench.broker.reserve(["default"], limit=1, token=OTHER)
    assert delivery.returned is None


def test_how_long_is_postponed_does_not_depend_on_the_holders_clock(bench, monkeypatch):
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


def test_only_the_holder_postpones(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    due = {message: later()}

    assert bench.broker.postpone("default", due, token=OTHER, started=True) == 0
    assert bench.places() == {message: [f"held {TOKEN}"]}


def test_only_the_holder_releases(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.release("default", [message], token=OTHER) == 0
    assert bench.places() == {message: [f"held {TOKEN}"]}


def test_a_token_can_be_asked_what_it_holds(bench):
    held = bench.put_one()
    bench.reserve(TOKEN)
    bench.put_one()

    assert bench.broker.held("default", TOKEN) == {held}
    assert bench.broker.held("default", OTHER) == set()


# Cancelling.


def test_what_nobody_holds_can_be_cancelled(bench):
    ready, delayed = EnvelopeFactory(), EnvelopeFactory(run_after=later())
    bench.put(ready, delayed)

    cancelled = bench.broker.cancel("default", [ready.id, delayed.id, new_id()])

    assert cancelled == {ready.id, delayed.id}
    assert bench.places() == {}


def test_what_is_held_cannot_be_cancelled(bench):
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
    """The reply to the first time may have been lost."""
    message = bench.put_one()
    bench.join(TOKEN)
    assert bench.reserve(TOKEN) == [message]

    bench.join(TOKEN)

    assert bench.places() == {message: [f"held {TOKEN}"]}
    assert bench.reclaim_silent() == 0


def test_what_a_silent_token_held_is_reclaimed(bench):
    held = [bench.put_one() for _ in range(3)]
    bench.reserve(TOKEN)
    bench.end_lease(TOKEN)

    assert bench.reclaim_silent() == 3

    deliveries = bench.broker.reserve(["default"], limit=10, token=OTHER)
    assert [delivery.id for delivery in deliveries] == held
    assert all(each.returned == Returned(TOKEN, died=True) for each in deliveries)


def test_what_a_living_token_holds_is_not_reclaimed(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.reclaim_silent() == 0
    assert bench.broker.reclaim(["default"], TOKEN, if_silent=True) == 0
    assert bench.places() == {message: [f"held {TOKEN}"]}


def test_a_token_known_to_be_dead_is_not_waited_for(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)

    assert bench.broker.reclaim(["default"], TOKEN) == 1
    assert bench.places() == {message: ["ready"]}


def test_more_than_one_batch_is_reclaimed(bench):
    bench.put(*(EnvelopeFactory() for _ in range(1_000)))
    bench.reserve(TOKEN, limit=1_000)

    assert bench.broker.reclaim(["default"], TOKEN) == 1_000
    assert bench.broker.depth("default") == Depth(ready=1_000)


def test_a_token_that_was_reclaimed_reserves_and_acknowledges_no_more(bench):
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


# Looks.


def test_what_the_broker_does_not_have_is_missing(bench):
    known = [EnvelopeFactory(), EnvelopeFactory(run_after=later()), EnvelopeFactory()]
    bench.put(*known)
    bench.reserve(TOKEN, limit=1)
    strangers = {new_id() for _ in range(3)}

    missing = bench.broker.missing(
        "default", [*(each.id for each in known), *strangers]
    )

    assert missing == strangers


def test_what_is_done_is_missing(bench):
    message = bench.put_one()
    bench.reserve(TOKEN)
    bench.broker.acknowledge("default", [message], token=TOKEN)

    assert bench.broker.missing("default", [UUID(message)]) == {UUID(message)}


def test_the_fingerprint_stays_while_nothing_is_lost(bench):
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


def test_waiting_ends_for_what_is_due_soon(bench):
    bench.put_one(run_after=timezone.now() + timedelta(milliseconds=200))
    taken = bench.reserve(TOKEN)

    for _ in range(20):
        if not taken:
            bench.broker.wait(["default"], 1)
            taken = bench.reserve(TOKEN)

    assert len(taken) == 1


def test_the_broker_checks_that_it_can_be_used(bench):
    bench.broker.check()
