"""Enqueueing: rows in the caller's transaction, messages after its commit."""

import asyncio
import logging
import socket
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.utils import timezone

from taskhub import operations, outbox, periodic, producer
from taskhub.brokers import get_broker
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import BrokerUnavailable, InvalidArguments
from taskhub.messages import Depth
from taskhub.models import Place, Status, TaskResult
from taskhub.schedules import every
from tests import tasks
from tests.models import Trace
from tests.queries import statements_for
from tests.servers import free_port


def depth(config, queue_name="default"):
    return get_broker(config).depth(queue_name)


# Transactions.


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_rolls_back_leaves_no_row_and_no_message(config):
    with pytest.raises(RuntimeError), transaction.atomic():
        tasks.add.enqueue(1)
        tasks.add.enqueue_many([(2,), (3,)])
        raise RuntimeError

    assert TaskResult.objects.count() == 0
    assert depth(config) == Depth()


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_that_rolls_back_removes_only_its_own_results(config):
    with transaction.atomic():
        kept = tasks.add.enqueue(1)
        with pytest.raises(RuntimeError), transaction.atomic():
            tasks.add.enqueue(2)
            raise RuntimeError

    assert [str(pk) for pk in TaskResult.objects.all().ids()] == [kept.id]
    assert depth(config) == Depth(ready=1)


def test_a_task_of_a_committed_transaction_runs_once(transactional_db, config, drain):
    with transaction.atomic():
        result = tasks.trace.enqueue("once")
        # The message is not pushed before the commit.
        if not get_broker(config).lives_in_rows:
            assert depth(config) == Depth()

    drain(processes=2)

    assert result.get() is None
    assert Trace.objects.filter(label="once").count() == 1


@pytest.mark.django_db(transaction=True)
def test_enqueued_tasks_have_messages_in_the_broker(config):
    tasks.add.enqueue(1)
    tasks.send.enqueue("a@example.com")
    tasks.add.using(run_after=timedelta(hours=1)).enqueue(1)

    assert depth(config) == Depth(ready=1, delayed=1)
    assert depth(config, "mail") == Depth(ready=1)


@pytest.mark.django_db(transaction=True)
def test_a_non_durable_task_is_not_pushed_after_a_rollback(config):
    with pytest.raises(RuntimeError), transaction.atomic():
        tasks.fleeting.enqueue(1)
        raise RuntimeError

    assert depth(config) == Depth()


# The row.


@pytest.mark.django_db
def test_the_row_has_all_requested_options(config):
    in_an_hour = timezone.now() + timedelta(hours=1)

    result = tasks.send.using(
        priority=50,
        run_after=in_an_hour,
        expires_after=timedelta(hours=2),
        meta={"order": 7},
    ).enqueue("a@example.com", subject="hi")

    row = result.row
    assert row.task_path == "tests.tasks.send"
    assert (row.queue_name, row.backend, row.priority) == ("mail", "default", 50)
    assert (row.args, row.kwargs) == (["a@example.com"], {"subject": "hi"})
    assert (row.status, row.attempts, row.worker_ids) == (Status.READY, 0, [])
    assert row.run_after == in_an_hour
    assert row.expires_at == in_an_hour + timedelta(hours=2)
    assert row.meta == {"order": 7}
    assert result == tasks.send.get_result(result.id)


@pytest.mark.django_db
def test_the_meta_of_a_task_is_in_the_row_of_each_run(config):
    row = tasks.with_notes.enqueue().row
    other = tasks.with_notes.using(meta={"order": 7}).enqueue().row
    by_hand = operations.results.enqueue("tests.tasks.with_notes", by="ada")

    assert row.meta == {"team": "billing"}
    assert other.meta == {"order": 7}
    assert by_hand.meta == {"team": "billing", "enqueued_by": "ada"}


@pytest.mark.django_db
def test_ids_grow_in_the_order_of_enqueueing(config):
    results = tasks.add.enqueue_many([(number,) for number in range(50)])

    rows = TaskResult.objects.order_by("id")

    assert [row.args[0] for row in rows] == list(range(50))
    assert [str(row.pk) for row in rows] == [result.id for result in results]


@pytest.mark.django_db
def test_only_the_database_broker_writes_the_place_into_the_row(config):
    tasks.add.enqueue(1)

    lives_in_rows = get_broker(config).lives_in_rows
    place = Place.READY if lives_in_rows else Place.NOWHERE
    assert TaskResult.objects.get().place == place


@pytest.mark.django_db(transaction=True)
def test_run_after_as_a_timedelta_counts_from_enqueueing(config):
    """It does not count from the creation of the variant, for example at import."""
    an_hour = timedelta(hours=1)
    later = tasks.add.using(run_after=an_hour)
    other = later.using(priority=5)

    requested_at = timezone.now()
    results = [
        later.enqueue(1),
        other.enqueue(2),
        *later.enqueue_many([(3,), (4,)]),
        compat.task_backends["default"].enqueue(later, [5], {}),
        later.apply_async([6]),
        asyncio.run(_aenqueue(later)),
    ]

    for result in results:
        assert an_hour <= result.row.run_after - requested_at < an_hour * 2
        assert result.task.run_after == result.row.run_after
        assert result == result.task.get_result(result.id)


async def _aenqueue(task):
    result = await task.aenqueue(7)
    await sync_to_async(connections.close_all)()
    return result


@pytest.mark.django_db
def test_using_none_removes_run_after_and_expires_after(config):
    later = tasks.add.using(
        run_after=timedelta(hours=1), expires_after=timedelta(hours=2)
    )

    row = later.using(run_after=None, expires_after=None).enqueue(1).row
    kept = later.apply_async([1], countdown=None, eta=None, expires=None).row

    assert (row.run_after, row.expires_at) == (None, None)
    assert kept.run_after > timezone.now()
    assert kept.expires_at is not None


# enqueue_many().


@pytest.mark.django_db
def test_enqueue_many_inserts_many_rows_with_few_queries(
    config, django_assert_max_num_queries
):
    with django_assert_max_num_queries(4 + statements_for(300)):
        results = tasks.send.enqueue_many(
            [("a",), ["b"], {"address": "c", "subject": "d"}] * 100
        )

    assert len(results) == 300
    assert TaskResult.objects.count() == 300
    assert results[2].kwargs == {"address": "c", "subject": "d"}


@pytest.mark.django_db
def test_enqueue_many_takes_more_calls_than_one_batch(config):
    tasks.add.enqueue_many((number,) for number in range(2_500))

    assert TaskResult.objects.count() == 2_500


@pytest.mark.django_db
def test_enqueue_many_enqueues_nothing_if_one_call_is_wrong(config):
    with pytest.raises(InvalidArguments):
        tasks.add.enqueue_many([(1,), ({1},), (3,)])

    assert TaskResult.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("calls", "message"),
    [
        (["ab"], "Call 0 of enqueue_many() is a single str; expected a tuple of"),
        ([(1,), b"ab"], "Call 1 of enqueue_many() is a single bytes"),
        ([bytearray(b"ab")], "a single bytearray"),
        ([1, 2], "such as (value,), or a dict of keyword arguments."),
        ([{1, 2}], "a single set"),
        ([None], "a single NoneType"),
        ("ab", "takes a list of calls, not a single str; put it into a list."),
        ({"a": 1}, "takes a list of calls, not a single dict"),
        ([{1: 2}], "keywords must be strings"),
    ],
)
def test_enqueue_many_refuses_values_that_are_not_calls(config, calls, message):
    with pytest.raises(InvalidArguments) as caught:
        tasks.add.enqueue_many(calls)

    assert message in str(caught.value)
    assert "ab" not in str(caught.value)
    assert TaskResult.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("args", ["ab", b"ab", {"a": 1}])
def test_a_single_value_is_refused_as_a_list_of_arguments(config, args):
    with pytest.raises(InvalidArguments, match=r"add.apply_async\(\) takes a tuple or"):
        tasks.add.apply_async(args)
    with pytest.raises(InvalidArguments, match="args of @periodic takes a tuple or li"):
        periodic(every(hours=1), args=args)

    assert TaskResult.objects.count() == 0


@pytest.mark.django_db
def test_enqueue_many_accepts_bound_calls(config):
    results = tasks.add.enqueue_many([tasks.add.bind(1, b=2), (3,), {"a": 4}])

    assert "secret" not in repr(tasks.add.bind("secret"))
    rows = TaskResult.objects.order_by("id")
    assert [(row.args, row.kwargs) for row in rows] == [
        ([1], {"b": 2}),
        ([3], {}),
        ([], {"a": 4}),
    ]
    assert len(results) == 3


@pytest.mark.django_db
@pytest.mark.parametrize("args", [None, (), []])
def test_apply_async_accepts_none_for_arguments_as_in_celery(config, args):
    row = tasks.add.apply_async(args, {"a": 1, "b": 2}).row

    assert (row.args, row.kwargs) == ([], {"a": 1, "b": 2})
    assert tasks.sign_in.apply_async(["ada"], None).row.args == ["ada"]


@pytest.mark.django_db
def test_enqueue_many_accepts_an_empty_list(config):
    assert tasks.add.enqueue_many([]) == []


# Arguments.


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value",
    [
        2**200,
        -(2**63),
        1.5,
        1e15,
        "\N{SNOWMAN} \U0001f600",
        {"nested": [{"deeper": [None, True, "x" * 10_000]}]},
    ],
)
def test_arguments_are_stored_unchanged(config, value):
    result = tasks.give_back.enqueue(value)

    assert result.row.args == [value]
    assert result.args == [value]


@pytest.mark.django_db
def test_arguments_that_are_too_large_are_refused(configure, config):
    configure(broker_url=config.options.broker_url, max_argument_bytes=1024)

    with pytest.raises(InvalidArguments, match="store them and pass their key"):
        tasks.give_back.enqueue("x" * 1025)
    with pytest.raises(InvalidArguments, match="arguments and meta are 1,0"):
        tasks.add.using(meta={"note": "x" * 1025}).enqueue(1)


def test_arguments_of_the_maximum_size_are_accepted_and_run(
    transactional_db, config, drain
):
    room = config.options.max_argument_bytes
    bare = len(msgspec.json.encode(([""], {}, {"note": ""})))
    half = (room - bare) // 2
    task = tasks.give_back.using(meta={"note": "m" * (room - bare - half)})

    result = task.enqueue("a" * half)
    drain()

    row = result.row
    assert row.is_finished
    assert len(row.meta["note"]) + len(row.args[0]) + bare == room
    with pytest.raises(InvalidArguments):
        task.enqueue("a" * (half + 1))


# Clocks.


def test_a_site_with_a_wrong_clock_starts_no_task_early(
    transactional_db, configure, monkeypatch
):
    """The database broker uses only the clock of the database."""
    broker = get_broker(configure(broker_url="database://"))
    broker.join(["default"], "worker")
    due = timezone.now() + timedelta(minutes=30)
    ahead = timezone.now() + timedelta(hours=1)

    with monkeypatch.context() as patch:
        patch.setattr(producer, "datetime", fixed_clock(ahead))
        patch.setattr(timezone, "now", lambda: ahead)
        tasks.add.using(run_after=due).enqueue(1)

    assert broker.reserve(["default"], limit=1, token="worker") == []
    assert broker.depth("default") == Depth(delayed=1)


def fixed_clock(moment):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return moment

    return Clock


# The broker is down.


@pytest.mark.django_db(transaction=True)
def test_enqueueing_succeeds_and_logs_while_the_broker_is_down(configure, caplog):
    configure(broker_url=f"redis://:secret@127.0.0.1:{free_port()}/0")

    with caplog.at_level(logging.ERROR, "taskhub"):
        result = tasks.add.enqueue(1)

    assert result.row.status == Status.READY
    (record,) = caplog.records
    assert "Not pushed yet: 1 of tests.tasks.add" in record.getMessage()
    assert result.id in record.getMessage()
    assert "secret" not in record.getMessage()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_commits_while_the_broker_is_down(configure):
    configure(broker_url=f"redis://127.0.0.1:{free_port()}/0")

    with transaction.atomic():
        tasks.add.enqueue_many([(1,), (2,)])

    assert TaskResult.objects.ready().count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_non_durable_task_is_refused_while_the_broker_is_down(configure):
    configure(broker_url=f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(BrokerUnavailable, match="Cannot reach Redis"):
        tasks.fleeting.enqueue(1)


@pytest.mark.django_db(transaction=True)
def test_a_non_durable_task_that_fails_does_not_stop_other_hooks(configure, caplog):
    configure(broker_url=f"redis://127.0.0.1:{free_port()}/0")
    ran = []

    with transaction.atomic():
        tasks.fleeting.enqueue(1)
        transaction.on_commit(lambda: ran.append("the site's own"))

    assert ran == ["the site's own"]
    assert "Cannot reach Redis" in caplog.text


@pytest.fixture
def deaf(configure):
    """A broker that accepts connections but never answers; yields its socket."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(50)
        configure(
            broker_url=f"redis://127.0.0.1:{deaf.getsockname()[1]}/0",
            socket_timeout_seconds=0.2,
        )
        yield deaf


def count_connections(listening):
    listening.setblocking(False)
    found = 0
    with suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            found += 1
    return found


@pytest.mark.django_db(transaction=True)
def test_only_the_first_push_waits_for_a_broker_that_hangs(deaf, caplog, monkeypatch):
    monkeypatch.setattr(outbox, "_REST_SECONDS", 3600)

    with caplog.at_level(logging.ERROR, "taskhub"):
        results = [tasks.add.enqueue(number) for number in range(5)]

    assert count_connections(deaf) == 1
    assert TaskResult.objects.ready().count() == 5
    failed, skipped = [record.getMessage() for record in caplog.records]
    assert f"Not pushed yet: 1 of tests.tasks.add, from {results[0].id}." in failed
    assert f"Not pushed yet: 1 of tests.tasks.add, from {results[1].id}." in skipped
    assert "pushes are skipped for" in skipped


@pytest.mark.django_db(transaction=True)
def test_a_non_durable_task_is_always_pushed_and_ends_the_skipping(
    configure, own_redis, monkeypatch
):
    monkeypatch.setattr(outbox, "_REST_SECONDS", 3600)
    config = configure(broker_url=own_redis.url)
    own_redis.stop()
    tasks.add.enqueue("while it is away")
    with pytest.raises(BrokerUnavailable):
        tasks.fleeting.enqueue("while it is away")
    own_redis.start()
    tasks.add.enqueue("skipped")
    assert depth(config) == Depth()

    tasks.fleeting.enqueue("tried")
    tasks.add.enqueue("pushed")

    assert depth(config) == Depth(ready=2)


@pytest.mark.django_db(transaction=True)
def test_pushes_resume_after_a_failure(configure, own_redis, monkeypatch):
    monkeypatch.setattr(outbox, "_REST_SECONDS", 0)
    config = configure(broker_url=own_redis.url)
    own_redis.stop()
    tasks.add.enqueue("while it is away")
    own_redis.start()

    tasks.add.enqueue("pushed")

    assert depth(config) == Depth(ready=1)
