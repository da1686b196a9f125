"""Processes that live long, with DEBUG."""

import pytest

from tests import tasks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

#: More than any single task, group of outcomes or look at the queues asks.
_MANY = 60


def test_a_worker_does_not_remember_all_queries_that_it_has_made(start_node):
    start_node("--processes=1", DEBUG="true")

    for task in (tasks.trace, tasks.query_asynchronously):
        for _number in range(_MANY):
            arguments = ["seen"] if task is tasks.trace else []
            task.enqueue(*arguments).get(timeout=30)

    assert tasks.count_remembered_queries.enqueue().get(timeout=30) < _MANY
