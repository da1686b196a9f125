"""Deleting results to which rows of the site refer."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from taskhub import operations
from taskhub.models import Status, TaskResult
from taskhub.models.ids import first_id_at
from taskhub.operations.results import Selection
from tests.factories import TaskResultFactory
from tests.nodes import Node
from tests.orders.tasks import place_order
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_broker]

SETTINGS = "tests.site_settings.orders"
DAYS = 400


@pytest.fixture
def manage(config, tmp_path):
    """A function that runs a command of a site whose rows refer to results."""
    numbers = iter(range(100))

    def manage(command, *arguments):
        node = Node(
            config,
            tmp_path / f"command-{next(numbers)}.log",
            *arguments,
            command=command,
            DJANGO_SETTINGS_MODULE=SETTINGS,
        )
        assert node.wait() == 0, node.log
        return node.log

    manage("migrate", "orders")
    yield manage
    for table in ("stamp", "note", "order", "link"):
        execute(f"DELETE FROM orders_{table}")  # noqa: S608
    manage("migrate", "orders", "zero")


def execute(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else None


def old_results(count):
    """Create results that have expired."""
    finished = timezone.now() - timedelta(days=DAYS)
    first = first_id_at(finished).int
    return [
        TaskResultFactory(
            id=UUID(int=first + number), successful=True, finished_at=finished
        )
        for number in range(count)
    ]


def refer(table, row, *, via="result_id"):
    """Insert a row that refers to a result or to another row; return the row's id."""
    pk = row
    if isinstance(row, TaskResult):
        pk = TaskResult._meta.pk.get_db_prep_value(row.pk, connection)
    execute(f"INSERT INTO orders_{table} ({via}) VALUES (%s)", pk)  # noqa: S608
    ((number,),) = execute(f"SELECT max(id) FROM orders_{table}")  # noqa: S608
    return number


def remaining():
    return set(TaskResult.objects.values_list("pk", flat=True))


def count(table):
    ((number,),) = execute(f"SELECT count(*) FROM orders_{table}")  # noqa: S608
    return number


def make_all_kinds():
    """Create seven old results; return the ids of the two that are protected."""
    protected, stamped, noted, linked, *_rest = old_results(7)
    refer("order", protected)
    refer("stamp", refer("note", stamped), via="note_id")
    refer("note", noted)
    refer("link", linked)
    return {protected.pk, stamped.pk}


def test_pruning_keeps_protected_results_and_deletes_the_rest(manage):
    protected = make_all_kinds()

    log = manage("taskprune")

    assert remaining() == protected
    assert "5 deleted." in log
    assert "1 result cannot be pruned" in log
    assert "orders.Order.result" in log
    assert (count("note"), count("link")) == (1, 1)
    assert "0 deleted." in manage("taskprune")


def test_workers_prune_and_delete_all_but_protected_results(manage, start_node):
    protected = make_all_kinds()
    young = [TaskResultFactory(successful=True) for _ in range(3)]
    refer("order", young[0])

    node = start_node("--processes=1", DJANGO_SETTINGS_MODULE=SETTINGS)
    wait_until(lambda: remaining() == protected | {row.pk for row in young}, "pruning")
    action = operations.results.start_bulk("delete", Selection())

    def is_over():
        action.refresh_from_db()
        return action.finished_at

    wait_until(is_over, "the bulk action")
    assert remaining() == protected | {young[0].pk}
    assert action.done == 2
    assert node.stop() == 0
    assert node.log.count("orders.Order.result") == 1
    assert "Cannot" not in node.log.replace("Cannot delete some", "")


def test_a_protected_result_is_kept_although_its_task_keeps_none(manage, drain):
    result = place_order.enqueue()

    drain(DJANGO_SETTINGS_MODULE=SETTINGS)

    row = TaskResult.objects.get(pk=result.id)
    assert (row.status, row.return_value) == (Status.SUCCESSFUL, "placed")
