"""Operations on running nodes: quiet, resume, resize and stop."""

import pytest

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.exceptions import InvalidOption, UnknownNode
from taskhub.messages import Depth
from taskhub.models import Node
from tests import tasks
from tests.servers import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_broker,
    pytest.mark.any_database,
]


@pytest.fixture
def start_known_node(start_node):
    """A function that starts a node, and returns its process and its name."""

    def start_known_node(*arguments):
        process = start_node(*arguments)
        wait_until(lambda: Node.objects.exists(), "its row")
        return process, Node.objects.get().name

    return start_known_node


def living(process):
    """The pids of the worker processes and the steward of a node."""
    return set(process.children())


def test_a_quiet_node_takes_no_messages_until_it_is_resumed(
    config, start_known_node, gate
):
    process, name = start_known_node("--processes=1", "--threads=2")
    running = tasks.wait_for_gate.enqueue("it", gate.path)
    wait_until(lambda: running.row.status == "RUNNING", "it to run")

    operations.nodes.quiet(name)
    wait_until(lambda: "Quiet, as requested" in process.log, "the order")
    gate.open()
    running.get(timeout=30)
    waiting = tasks.add.enqueue(1, 2)
    assert get_broker(config).depth("default") == Depth(ready=1)

    operations.nodes.resume(name)
    assert waiting.get(timeout=30) == 3
    assert process.stop() == 0


def test_a_node_gets_more_processes_and_fewer(start_known_node, gate):
    process, name = start_known_node("--processes=1")
    wait_until(lambda: len(living(process)) == 2, "a worker and a steward")

    operations.nodes.resize(name, 3)
    wait_until(lambda: len(living(process)) == 4, "two more")
    # The node writes the new number of processes into its row.
    wait_until(lambda: Node.objects.get().processes == 3, "its row")
    results = [tasks.wait_for_gate.enqueue("it", gate.path) for _ in range(3)]
    wait_until(lambda: all(each.row.status == "RUNNING" for each in results), "all")

    operations.nodes.resize(name, 1)
    wait_until(lambda: "Changing to 1 processes" in process.log, "the order")
    assert len(living(process)) == 4
    gate.open()

    # The processes finish their running tasks before they end.
    for each in results:
        each.get(timeout=30)
    wait_until(lambda: len(living(process)) == 2, "a worker and a steward")
    assert all(each.row.attempts == 1 for each in results)
    assert process.stop() == 0


def test_a_node_is_stopped_by_an_operation(start_known_node):
    process, name = start_known_node("--processes=1")

    operations.nodes.stop(name)

    assert process.wait() == 0
    assert not Node.objects.exists()


def test_an_unknown_name_causes_a_suggestion_of_the_nearest_name(start_known_node):
    _process, name = start_known_node("--processes=1")
    with pytest.raises(UnknownNode, match=f"did you mean '{name}'"):
        operations.nodes.quiet(name[:-1])


@pytest.mark.parametrize("processes", [0, 257])
def test_a_node_cannot_have_zero_or_too_many_processes(processes):
    with pytest.raises(InvalidOption, match="1 to 256 processes"):
        operations.nodes.resize("somewhere", processes)
