"""Pausing, draining, resuming, moving and purging queues, on every broker."""

import pytest

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.exceptions import TaskCancelled, UnknownQueue
from taskhub.messages import Depth
from taskhub.models import QueueState, TaskResult
from taskhub.operations.queues import Queue, synchronise_states
from tests import tasks
from tests.factories import TaskResultFactory
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

DEFAULT, MAIL = Queue("default"), Queue("mail")


# Pausing.


def test_messages_of_a_paused_queue_are_not_run_until_it_is_resumed(start_node):
    operations.queues.pause(MAIL, by="ada", reason="The provider is down.")
    waiting = tasks.send.enqueue("a@example.org")
    other = tasks.add.enqueue(1, 2)
    node = start_node("--processes=2")

    assert other.get(timeout=30) == 3
    assert not waiting.row.is_finished
    state = MAIL.state
    assert state.is_paused
    assert (state.changed_by, state.reason) == ("ada", "The provider is down.")

    operations.queues.resume(MAIL, by="ada")

    assert waiting.get(timeout=30) == "hello, a@example.org"
    assert not MAIL.state.is_paused
    assert node.stop() == 0


def test_a_running_task_continues_when_its_queue_is_paused(start_node, gate):
    result = tasks.wait_for_gate.enqueue("it", gate.path)
    start_node("--processes=1")
    wait_until(lambda: result.row.status == "RUNNING", "it to run")

    operations.queues.pause(DEFAULT)
    gate.open()

    result.get(timeout=30)


def test_a_drain_does_not_run_messages_of_a_paused_queue(drain):
    operations.queues.pause(DEFAULT)
    result = tasks.add.enqueue(1, 2)

    drain()

    assert not result.row.is_finished


def test_the_broker_is_synchronised_with_the_states_of_queues(config, redis_url):
    operations.queues.pause(MAIL)
    broker = get_broker(config)
    if broker.lives_in_rows:
        pytest.skip("the database broker reads the state from the row")
    broker.pause("mail", paused=False)

    synchronise_states(config)

    assert broker.depth("mail").paused
    QueueState.objects.update(paused_at=None)
    synchronise_states(config)
    assert not broker.depth("mail").paused


def test_a_pause_that_is_rolled_back_has_no_effect(config):
    from django.db import transaction

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        operations.queues.pause(MAIL)
        raise ZeroDivisionError

    assert not get_broker(config).depth("mail").paused


# Draining.


def test_a_drained_queue_is_paused_when_it_is_empty(start_node, gate):
    operations.queues.pause(DEFAULT)
    results = [tasks.wait_for_gate.enqueue("it", gate.path), tasks.add.enqueue(1, 2)]
    start_node("--processes=2")

    operations.queues.drain(DEFAULT, by="ada", reason="A migration.")
    wait_until(lambda: results[0].row.status == "RUNNING", "it to run")
    assert not DEFAULT.state.is_paused
    gate.open()

    wait_until(lambda: DEFAULT.state.is_paused, "the pause")
    assert all(result.row.is_finished for result in results)
    assert DEFAULT.state.reason == "A migration."


def test_an_empty_queue_is_paused_at_once(config):
    operations.queues.drain(MAIL)
    assert MAIL.state.is_paused


# Moving.


def test_waiting_results_are_moved_and_run_from_the_new_queue(config, start_node):
    results = [tasks.add.enqueue(n) for n in range(3)]
    other = tasks.give_back.enqueue(1)

    assert operations.queues.move(DEFAULT, MAIL, task_path="tests.tasks.add") == 3

    broker = get_broker(config)
    assert broker.depth("mail") == Depth(ready=3)
    assert broker.depth("default") == Depth(ready=1)
    start_node("--queues=mail")
    assert [result.get(timeout=30) for result in results] == [0, 1, 2]
    assert not other.row.is_finished
    assert TaskResult.objects.in_queue("mail").count() == 3


def test_running_and_finished_results_are_not_moved(config):
    TaskResultFactory(running=True)
    TaskResultFactory(successful=True)

    assert operations.queues.move(DEFAULT, MAIL) == 0


# Purging.


def test_purging_cancels_waiting_results(config):
    waiting = [tasks.send.enqueue("a"), tasks.send.enqueue("b")]
    other = tasks.add.enqueue(1)

    assert operations.queues.purge(MAIL, by="ada") == 2

    assert get_broker(config).depth("mail") == Depth()
    with pytest.raises(TaskCancelled, match="The queue mail was purged by ada"):
        waiting[0].row.get()
    assert not other.row.is_finished


# Names.


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        (("mial",), "has no queue 'mial'; did you mean 'mail'"),
        (("mail", "defualt"), "no backend 'defualt' in TASKS; did you mean 'default'"),
    ],
)
def test_an_unknown_name_causes_a_suggestion_of_the_nearest_name(queue, message):
    with pytest.raises(UnknownQueue, match=message):
        Queue(*queue)
