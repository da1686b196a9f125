"""Parameters of tasks may have any name, even that of a parameter of taskhub."""

import asyncio

import pytest
from django.test import override_settings

from tests import tasks
from tests.site_settings.two_backends import IMMEDIATE

ARGUMENTS = {
    name: number
    for number, name in enumerate(
        ["self", "task", "args", "kwargs", "func", "context", "queue_name", "name"]
    )
}
VALUES = list(ARGUMENTS.values())
REST = {"function": 1, "args": 2, "message": 3, "cls": 4}

pytestmark = pytest.mark.any_broker


def test_a_worker_passes_each_parameter_its_argument(transactional_db, config, drain):
    task, async_task = tasks.name_as_machinery, tasks.async_name_as_machinery
    results = [
        task.enqueue(**ARGUMENTS),
        task.delay(**ARGUMENTS),
        task.using(priority=1).enqueue(**ARGUMENTS),
        task.apply_async(kwargs=ARGUMENTS),
        asyncio.run(task.aenqueue(**ARGUMENTS)),
        *task.enqueue_many([ARGUMENTS, task.bind(**ARGUMENTS)]),
    ]
    async_result = async_task.enqueue(self=5, **REST)

    drain()

    assert [each.row.return_value for each in results] == [VALUES] * len(results)
    assert async_result.row.return_value == [5, sorted(REST)]


def test_direct_calls_pass_each_parameter_its_argument():
    assert tasks.name_as_machinery(**ARGUMENTS) == VALUES
    assert tasks.name_as_machinery.call(**ARGUMENTS) == VALUES
    assert asyncio.run(tasks.name_as_machinery.acall(**ARGUMENTS)) == VALUES
    expected = [5, sorted(REST)]
    assert asyncio.run(tasks.async_name_as_machinery(self=5, **REST)) == expected
    assert tasks.async_name_as_machinery.call(self=5, **REST) == expected
    assert asyncio.run(tasks.async_name_as_machinery.acall(self=5, **REST)) == expected


@pytest.mark.django_db
def test_other_backends_pass_each_parameter_its_argument():
    with override_settings(TASKS={"default": {"BACKEND": IMMEDIATE, "QUEUES": []}}):
        result = tasks.name_as_machinery.enqueue(**ARGUMENTS)
        async_result = tasks.async_name_as_machinery.enqueue(self=5, **REST)

    assert result.return_value == VALUES
    assert async_result.return_value == [5, sorted(REST)]
