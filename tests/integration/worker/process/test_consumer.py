"""The consumer starts a reserved message or gives it back, but never both."""

from contextlib import contextmanager
from threading import Event, Thread

import pytest
from django.db import connections

from taskhub.exceptions import BrokerUnavailable, LeaseLost
from taskhub.worker.process import consumer as module
from taskhub.worker.process.consumer import Consumer
from taskhub.worker.process.prefetch import Prefetch
from taskhub.worker.quiet import Quiet
from taskhub.writer.thread.holdings import Holdings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

TOKEN, OTHER = "worker-1", "worker-2"


@pytest.fixture
def make_consumer(bench, monkeypatch):
    """
    A function that makes the consumer of TOKEN, which reserves two messages at once.

    The consumer looks for strangers, messages that only the broker counts as held by
    TOKEN, after each error and otherwise at the given interval.
    """
    bench.join(TOKEN, OTHER)

    def make_consumer(strangers_seconds):
        monkeypatch.setattr(module, "_STRANGERS_SECONDS", strangers_seconds)
        return Consumer(
            bench.broker,
            ["default"],
            TOKEN,
            Prefetch(slots=2),
            Quiet(),
            Holdings(),
            drain=False,
        )

    return make_consumer


@pytest.fixture
def consumer(make_consumer):
    """A consumer that looks for strangers only after errors."""
    return make_consumer(3600)


@pytest.fixture
def replace(bench, monkeypatch):
    """A context that replaces a broker method; the function is passed the original."""

    @contextmanager
    def replace(name, function):
        verb = getattr(bench.broker, name)
        with monkeypatch.context() as patch:
            patch.setattr(
                bench.broker, name, lambda *args, **kw: function(verb, *args, **kw)
            )
            yield

    return replace


def lose_the_reply(verb, *args, **kwargs):
    verb(*args, **kwargs)
    raise BrokerUnavailable("The reply is lost.")


def lose_the_request(verb, *args, **kwargs):
    raise BrokerUnavailable("The request is lost.")


def in_thread(function):
    """Run the function in a thread that closes its database connections at the end."""

    def run():
        try:
            function()
        finally:
            connections.close_all()

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_other_workers_get_messages_that_are_given_back(bench, consumer):
    first, second = bench.put_one(), bench.put_one()
    assert consumer.take().id == first
    assert consumer.has_waiting

    assert consumer.give_back() == 1

    assert not consumer.has_waiting
    assert bench.reserve(OTHER) == [second]


def test_reclaimed_messages_are_not_started(bench, consumer, monkeypatch):
    """The process was frozen for longer than its lease while it held a message."""
    bench.put_one()
    second = bench.put_one()
    consumer.take()
    bench.end_lease(TOKEN)
    assert bench.reclaim_silent() == 2

    monkeypatch.setattr(consumer, "_reserved_at", 0)
    with pytest.raises(LeaseLost):
        consumer.take()

    assert second in bench.reserve(OTHER)


def test_a_message_that_waited_long_is_given_back_and_reserved_again(
    bench, consumer, monkeypatch
):
    bench.put_one()
    second = bench.put_one()
    consumer.take()

    monkeypatch.setattr(consumer, "_reserved_at", 0)

    assert consumer.take().id == second
    assert bench.reserve(OTHER) == []


def test_a_release_whose_reply_is_lost_starts_nothing_twice(bench, consumer, replace):
    first, second = bench.put_one(), bench.put_one()
    assert consumer.take().id == first

    with replace("release", lose_the_reply):
        assert consumer.give_back() == 0

    assert bench.reserve(OTHER) == [second]
    third = bench.put_one()
    assert consumer.take().id == third


def test_a_lost_release_is_repeated(bench, consumer, replace):
    first, second = bench.put_one(), bench.put_one()
    assert consumer.take().id == first

    with replace("release", lose_the_request):
        assert consumer.give_back() == 0

    bench.put_one()
    assert consumer.take().id == second


def test_a_reserve_whose_reply_is_lost_loses_no_message(bench, consumer, replace):
    ids = [bench.put_one(), bench.put_one()]
    bench.put_one()
    losses = iter([lose_the_reply])

    def lose_one_reply(verb, *args, **kwargs):
        lose = next(losses, None)
        return lose(verb, *args, **kwargs) if lose else verb(*args, **kwargs)

    with replace("reserve", lose_one_reply):
        assert consumer.take().id == ids[0]
        assert consumer.take().id == ids[1]


def test_a_reserve_that_reaches_the_broker_late_loses_no_message(bench, make_consumer):
    """No error told the consumer to look for strangers."""
    consumer = make_consumer(0)
    late = [bench.put_one(), bench.put_one()]
    assert bench.reserve(TOKEN) == late
    bench.put_one()

    assert consumer.take().id == late[0]
    assert consumer.take().id == late[1]


def test_a_message_reserved_again_during_its_release_is_kept(bench, consumer, replace):
    """A slot may reserve the message before the reply to the release arrives."""
    first, second = bench.put_one(), bench.put_one()
    assert consumer.take().id == first
    started = []

    def be_overtaken(verb, *args, **kwargs):
        verb(*args, **kwargs)
        started.append(consumer.take().id)

    with replace("release", be_overtaken):
        consumer.give_back()
    assert started == [second]
    # After this error, the consumer gives strangers back.
    third, fourth = bench.put_one(), bench.put_one()
    with replace("release", lose_the_request):
        assert consumer.take().id == third
        consumer.give_back()
    bench.put_one()
    assert consumer.take().id == fourth

    assert bench.reserve(OTHER) == []


def test_a_message_being_released_is_not_released_as_a_stranger(
    bench, make_consumer, replace
):
    """The second release could arrive after the message was started again."""
    consumer = make_consumer(0)
    first, second = bench.put_one(), bench.put_one()
    assert consumer.take().id == first
    releasing, go_on, started = Event(), Event(), []

    def be_slow(verb, *args, **kwargs):
        if not releasing.is_set():
            releasing.set()
            go_on.wait(30)
        return verb(*args, **kwargs)

    with replace("release", be_slow):
        slow = in_thread(consumer.give_back)
        assert releasing.wait(30)
        slot = in_thread(lambda: started.append(consumer.take().id))
        # The slot must block here. That cannot be observed, so only give it time.
        slot.join(0.3)
        go_on.set()
        slow.join(30)
        slot.join(30)

    assert started == [second]
    assert bench.reserve(OTHER) == []
