"""Log lines and printed output of tasks appear in the output of the node."""

import pytest

from tests import worker_tasks as tasks
from tests.nodes import wait_until
from tests.tasks import fail

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.any_broker,
]

LOGGING_SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.site_settings.logging"}


def test_without_handlers_python_prints_the_log_lines_of_tasks(drain):
    tasks.say.enqueue("first")
    tasks.configure_and_say.enqueue("second")
    tasks.configure_and_say.enqueue("third")

    log = drain()

    for name in ("plain", "silent", "shop"):
        assert log.count(f"{name}: first\n") == 1
    assert "configured basic: second\n" in log
    assert "configured basic: third\n" in log


def test_lines_of_loggers_that_a_site_has_not_configured_are_printed(drain):
    tasks.say.enqueue("first")
    fail.enqueue("no stock")

    log = drain(**LOGGING_SETTINGS)

    assert log.count("<shop> shop: first\n") == 1
    assert log.count("plain: first\n") == 1
    assert log.count("silent: first\n") == 1
    assert "ValueError: no stock\n" in log


def test_with_the_documented_logging_every_line_is_printed_once(drain):
    tasks.say.enqueue("first")

    log = drain("--tasks-per-process=1", LOGS="docs", **LOGGING_SETTINGS)

    assert log.count("ERROR   plain: plain: first\n") == 1
    assert log.count("ERROR   shop: shop: first\n") == 1
    assert log.count("silent: first\n") == 1
    assert log.count("A new process takes over: it has run 1 tasks.\n") == 1


def test_printed_output_appears_while_the_task_runs(start_node, gate):
    tasks.print_and_wait.enqueue("early", gate.path)
    node = start_node("--processes=1", PYTHONUNBUFFERED="")

    wait_until(lambda: "early printed\n" in node.log, "the line")


def test_printed_output_is_not_lost_at_the_end_of_the_grace_period(start_node, gate):
    tasks.print_and_wait.enqueue("late", gate.path)
    node = start_node("--processes=1", "--grace=0.2", PYTHONUNBUFFERED="")
    wait_until(lambda: "late printed\n" in node.log, "the task")

    assert node.stop() == 0
    assert node.log.count("late not ended") == 1


def test_printed_output_is_not_lost_at_a_hard_limit(start_node):
    result = tasks.print_and_hang.enqueue("hung")
    node = start_node("--processes=1", PYTHONUNBUFFERED="")
    wait_until(lambda: result.row.is_finished, "the limit")

    wait_until(lambda: "hung not ended" in node.log, "what it has printed")


def test_the_thread_of_a_queue_listener_runs_in_every_process(start_node):
    """A fork copies the queue of a QueueHandler, but not the thread that empties it."""
    node = start_node("--processes=1", "--beat", LOGS="queue", **LOGGING_SETTINGS)
    for number in range(150):
        tasks.say.enqueue(f"line {number}.")
    last = fail.enqueue("no stock")
    wait_until(lambda: last.row.is_finished, "the last one")
    assert node.stop() == 0

    shown = [line for line in node.log.splitlines() if " shop] " in line]
    assert [line.partition("] ")[2] for line in shown] == [
        f"shop: line {number}." for number in range(150)
    ]
    assert "ValueError: no stock\n" in node.log
