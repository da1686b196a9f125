"""Long-lived worker processes with DEBUG."""

import pytest

from tests import tasks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

#: More queries than one task, one group of outcomes or one look at the queues makes.
_MANY = 60


def test_a_worker_does_not_keep_all_its_queries_in_memory(start_node):
    start_node("--processes=1", DEBUG="true")

    for task in (tasks.trace, tasks.query_asynchronously):
        for _number in range(_MANY):
            arguments = ["seen"] if task is tasks.trace else []
            task.enqueue(*arguments).get(timeout=30)

    assert tasks.count_remembered_queries.enqueue().get(timeout=30) < _MANY
