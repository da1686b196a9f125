"""The log lines of tasks, which are stored with their results."""

import pytest

from taskhub.models import TaskLog, TaskResult
from tests import tasks
from tests.servers import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.any_broker,
]


def lines_of(result, attempt=1):
    chunks = TaskLog.objects.filter(result_id=result.id, attempt=attempt)
    return [line for chunk in chunks.order_by("id") for line in chunk.lines]


def texts_of(result, attempt=1):
    return [text for _moment, _level, _logger, text in lines_of(result, attempt)]


@pytest.mark.parametrize("task", [tasks.log, tasks.async_log])
def test_the_log_lines_of_each_run_are_stored(drain, task):
    first, second = task.enqueue("first"), task.enqueue("second")
    silent = tasks.add.enqueue(1, 2)

    drain("--threads=2")

    assert texts_of(first) == ["Begins: first", "Ends: first"]
    assert texts_of(second) == ["Begins: second", "Ends: second"]
    assert not TaskLog.objects.filter(result_id=silent.id).exists()
    moment, level, logger, _text = lines_of(first)[0]
    assert (level, logger) == ("WARNING", "tests.tasks")
    assert moment.endswith("+00:00")


def test_a_logged_exception_of_a_failed_run_is_stored_with_its_traceback(drain):
    result = tasks.log_and_fail.enqueue()

    drain()

    (text,) = texts_of(result)
    assert text.startswith("It went wrong\nTraceback")
    assert text.endswith("ZeroDivisionError: division by zero")


def test_the_log_can_be_read_while_the_task_runs(start_node, gate):
    result = tasks.log_behind_a_gate.enqueue(gate.path)
    node = start_node("--processes=1")

    wait_until(lambda: texts_of(result) == ["It waits"], "the first line")
    assert TaskResult.objects.get().is_finished is False
    gate.open()

    wait_until(lambda: texts_of(result)[1:] == ["It goes on"], "the second line")
    assert node.stop() == 0


def test_the_beginning_and_the_end_of_a_very_long_log_are_kept(drain):
    result = tasks.log_much.enqueue(2_000)

    drain()

    texts = texts_of(result)
    assert len(texts) == 1_001
    assert texts[0] == "Line 0"
    assert texts[899:902] == ["Line 899", "… 1,000 lines left out …", "Line 1900"]
    assert texts[-1] == "Line 1999"


def test_unstorable_characters_are_escaped_and_long_lines_are_cut(drain):
    result = tasks.log_oddly.enqueue()

    drain()

    odd, long = texts_of(result)
    assert odd == r"a\u0000b\ud800"
    assert len(long) < 4_010


def test_the_log_of_a_task_has_no_lines_of_taskhub(drain):
    result = tasks.fail.enqueue("a reason")

    drain()

    assert lines_of(result) == []


def test_each_attempt_has_its_own_log(start_node):
    start_node("--processes=1")
    result = tasks.log_at_each_attempt.enqueue()

    wait_until(lambda: result.row.is_finished, "its last attempt")

    assert texts_of(result, 1) == ["Attempt 1"]
    assert texts_of(result, 2) == ["Attempt 2"]
