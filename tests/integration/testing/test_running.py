"""`taskhub.run()`: tasks run in a test as a worker would run them."""

from datetime import timedelta

import pytest

from taskhub.models import Status, TaskResult
from tests import tasks


def test_a_task_is_run_and_its_outcome_written(taskhub):
    tasks.add.enqueue(1, b=2)

    ran = taskhub.run()

    row = TaskResult.objects.get()
    assert (row.status, row.return_value, row.attempts) == (Status.SUCCESSFUL, 3, 1)
    assert ran.of(tasks.add).successful == 1
    assert ran.of(tasks.add).return_values == [3]
    assert not ran.of(tasks.send)


def test_the_exception_of_a_task_reaches_the_test(taskhub):
    tasks.fail.enqueue("no such user")

    with pytest.raises(ValueError, match="no such user"):
        taskhub.run()

    assert TaskResult.objects.get().errors[0]["message"] == "no such user"


def test_retries_are_made_at_once_and_their_pauses_told(taskhub):
    tasks.fail_for_an_hour.enqueue("label")

    ran = taskhub.run(raises=False)

    assert ran.failed == 1
    assert ran.pauses == [timedelta(hours=1)]
    assert TaskResult.objects.get().attempts == 2
