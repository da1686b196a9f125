"""What a process has reserved: it is started here, or given back, and never both."""

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
    A function that makes the consumer of TOKEN, which reserves two at once.

    It compares what it knows with what the broker knows when it has reason to, and
    otherwise every so many seconds.
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
    """A consumer that compares only when it has reason to."""
    return make_consumer(3600)


@pytest.fixture
def replace(bench, monkeypatch):
    """A context in which a verb of the broker is another function, given the verb."""

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
    """Start a thread that closes its connections when it ends."""

    def run():
        try:
            function()
        finally:
            connections.close_all()

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_what_is_given_back_goes_to_others(bench, consumer):
    first, second = bench.put_one(), bench.put_one()
    assert consumer.take().id == first
    assert consumer.has_waiting

    assert consumer.give_back() == 1

    assert not consumer.has_waiting
    assert bench.reserve(OTHER) == [second]


def test_what_others_may_have_run_meanwhile_is_not_started(
    bench, consumer, monkeypatch
):
    """The process was frozen for longer than a lease, with a message in its hands."""
    bench.put_one()
    second = bench.put_one()
    consumer.take()
    bench.end_lease(TOKEN)
    assert bench.reclaim_silent() == 2

    monkeypatch.setattr(consumer, "_reserved_at", 0)
    with pytest.raises(LeaseLost):
        consumer.take()

    assert second in bench.reserve(OTHER)


def test_what_waits_for_long_is_given_back_and_taken_anew(bench, consumer, monkeypatch):
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


def test_a_release_that_is_lost_is_made_up_for(bench, consumer, replace):
    first, second = bench.put_one(), bench.put_one()
    assert consumer.take().id == first

    with replace("release", lose_the_request):
        assert consumer.give_back() == 0

    bench.put_one()
    assert consumer.take().id == second


def test_a_reserve_whose_reply_is_lost_is_made_up_for(bench, consumer, replace):
    ids = [bench.put_one(), bench.put_one()]
    bench.put_one()
    losses = iter([lose_the_reply])

    def lose_one_reply(verb, *args, **kwargs):
        lose = next(losses, None)
        return lose(verb, *args, **kwargs) if lose else verb(*args, **kwargs)

    with replace("reserve", lose_one_reply):
        assert consumer.take().id == ids[0]
        assert consumer.take().id == ids[1]


def test_a_reserve_that_reaches_the_broker_late_is_made_up_for(bench, make_consumer):
    """There is no reason to look that anybody could have noticed."""
    consumer = make_consumer(0)
    late = [bench.put_one(), bench.put_one()]
    assert bench.reserve(TOKEN) == late
    bench.put_one()

    assert consumer.take().id == late[0]
    assert consumer.take().id == late[1]


def test_what_is_reserved_anew_while_it_is_given_back_stays_here(
    bench, consumer, replace
):
    """A slot may be faster than the reply to the release."""
    first, second = bench.put_one(), bench.put_one()
    assert consumer.take().id == first
    started = []

    def be_overtaken(verb, *args, **kwargs):
        verb(*args, **kwargs)
        started.append(consumer.take().id)

    with replace("release", be_overtaken):
        consumer.give_back()
    assert started == [second]
    # A failure, after which what nobody here knows of is given back.
    third, fourth = bench.put_one(), bench.put_one()
    with replace("release", lose_the_request):
        assert consumer.take().id == third
        consumer.give_back()
    bench.put_one()
    assert consumer.take().id == fourth

    assert bench.reserve(OTHER) == []


def test_what_is_being_given_back_is_not_given_back_as_a_stranger_too(
    bench, make_consumer, replace
):
    """It could have been started again by the time that the other release arrives."""
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
        # It is to wait, which cannot be seen: it is only given the time to go wrong.
        slot.join(0.3)
        go_on.set()
        slow.join(30)
        slot.join(30)

    assert started == [second]
    assert bench.reserve(OTHER) == []
