"""
Rows of results that were edited at a database's prompt.

A row that cannot be run fails, with the reason. No edited row stops other rows from
being run, or pages from showing them.
"""

from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Model
from django.urls import reverse
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.messages import Depth
from taskhub.models import QueueState, Status, TaskResult
from taskhub.models.fields.shaped_json import is_odd
from tests.factories import TaskResultFactory
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

#: Columns with values that cannot be run, and the expected error in the row.
UNFIT = [
    ({"args": "null"}, "args in its row are not a list"),
    ({"args": '{"a": 1}'}, "args in its row are not a list"),
    ({"args": f"[1{'0' * 5_000}]"}, "args in its row are not a list"),
    ({"kwargs": "[1]"}, "kwargs in its row are not an object"),
    ({"kwargs": '"text"'}, "kwargs in its row are not an object"),
    ({"meta": "[]"}, "meta in its row are not an object"),
    ({"extra": "[]"}, "extra in its row is not valid"),
    ({"extra": '{"context": 3}'}, "extra in its row is not valid"),
]
#: Columns with useless values that do not stop a task from being run.
NEEDLESS = [
    {"errors": "null"},
    {"errors": '{"a": 1}'},
    {"errors": '["text", null]'},
    {"worker_ids": '{"a": 1}'},
    {"worker_ids": "[null]"},
    {"progress": '"text"'},
    {"storage_notes": "[1]"},
    {"bulk_action_ids": '"text"'},
]
#: The largest value that the column `attempts` accepts; SQLite accepts larger ones.
MOST_ATTEMPTS = {"postgresql": 32_767, "mysql": 65_535, "sqlite": 32_767}
#: Values with which a worker cannot run the task, on at least one database.
HOPELESS = [
    {"attempts": MOST_ATTEMPTS[connection.vendor]},
    {"task_path": ""},
    {"status": "ODD"},
]
ODD = [*(values for values, _reason in UNFIT), *NEEDLESS, *HOPELESS]

UNREADABLE_TIMES = {
    "postgresql": ["infinity", "-infinity", "0044-03-15 BC", "12345-01-01"],
    "mysql": ["0000-00-00", "yesterday"],
    "sqlite": [
        *("yesterday", "!tuesday", "infinity", "2026-01-01", "2026-13-45 00:00"),
        *("2026-02-30 00:00:00", "2026-01-01 24:00:00", "2026-01-01 00:00:00.1x"),
        *("2026-01-01 1e1", "2026-01-01 00:00:00 ", "2026-01-01 00:00:00+02:00"),
    ],
}


#: Texts of times in which up to three characters are replaced.
TIMES_AS_TEXTS = st.builds(
    lambda text, changes: "".join(changes.get(n, each) for n, each in enumerate(text)),
    st.sampled_from(["2026-01-01 12:30:00", "0001-12-31 23:59:59.999999"]),
    st.dictionaries(
        st.integers(0, 26), st.sampled_from([*"0123456789-:. +TZe", ""]), max_size=3
    ),
)


def edit(row: Model, **values: object) -> Any:
    """Edit a row as an operator does at a database's prompt."""
    assignments = ", ".join(f"{name} = %s" for name in values)
    pk = row._meta.pk.get_db_prep_value(row.pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET {assignments} WHERE id = %s",  # noqa: S608
            [*values.values(), pk],
        )
    return row


def make_odd(values: dict[str, object]) -> TaskResult:
    return edit(TaskResultFactory(), **values)


def states(rows: list[TaskResult]) -> dict[UUID, str]:
    found = TaskResult.objects.filter(pk__in=[row.pk for row in rows])
    return dict(found.values_list("pk", "status"))


def test_unfit_rows_fail_and_other_rows_run(config, start_node):
    unfit = [make_odd(values) for values, _reason in UNFIT]
    needless = [make_odd(values) for values in NEEDLESS]
    for values in HOPELESS:
        make_odd(values)
    neighbours = [TaskResultFactory() for _ in range(3)]

    node = start_node("--processes=1")
    run = [*needless, *neighbours]
    for rows, status in ((run, Status.SUCCESSFUL), (unfit, Status.FAILED)):
        expected = {row.pk: status for row in rows}
        wait_until(lambda rows=rows, to=expected: states(rows) == to, status, 60)

    assert node.stop() == 0, node.log
    for row, (values, reason) in zip(unfit, UNFIT, strict=True):
        row.refresh_from_db()
        assert reason in row.errors[0]["message"], values
        assert row.errors[0]["exception_class_path"].endswith("BadMessage")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite accepts any number")
def test_the_message_of_a_row_that_cannot_be_claimed_is_delayed(config, start_node):
    make_odd({"attempts": MOST_ATTEMPTS[connection.vendor]})

    node = start_node("--processes=1")

    broker = get_broker(config)
    wait_until(lambda: broker.depth("default") == Depth(delayed=1), "its place")
    assert node.stop() == 0
    assert "Cannot read the row" in node.log


def test_saving_a_row_does_not_change_its_odd_json():
    text = '{"b": 1, "a": 1e16}'
    row = TaskResult.objects.get(pk=make_odd({"args": text}).pk)
    assert row.args == []
    assert is_odd(row.args)

    row.save()

    column = "args::text" if connection.vendor == "postgresql" else "args"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM taskhub_taskresult")  # noqa: S608
        assert cursor.fetchone()[0] == text


@pytest.mark.parametrize("column", ["enqueued_at", "run_after", "tick_at"])
def test_times_that_python_cannot_read_are_refused(column):
    row = TaskResultFactory()

    for time in UNREADABLE_TIMES[connection.vendor]:
        with pytest.raises(DatabaseError), transaction.atomic():
            edit(row, **{column: time})


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="only SQLite stores times as text"
)
@given(text=TIMES_AS_TEXTS)
@hypothesis_settings(max_examples=300)
def test_sqlite_refuses_times_that_django_cannot_read(text):
    with transaction.atomic():
        row = TaskResultFactory()
        try:
            with transaction.atomic():
                edit(row, run_after=text)
        except DatabaseError:
            pass
        else:
            row.refresh_from_db()
            assert row.run_after.year == int(text[:4])
        transaction.set_rollback(True)


def test_a_paused_at_that_python_cannot_read_is_refused():
    state = QueueState.objects.create(backend="default", queue_name="mail")

    for time in UNREADABLE_TIMES[connection.vendor]:
        with pytest.raises(DatabaseError), transaction.atomic():
            edit(state, paused_at=time)


@pytest.mark.any_broker
def test_pages_show_odd_rows_and_other_rows(config, admin_client):
    odd = [make_odd(values) for values in ODD]
    failed = [
        edit(TaskResultFactory(failed=True), **values)
        for values in ODD
        if "status" not in values
    ]
    TaskResultFactory(task_path="tests.tasks.neighbour")

    results = reverse("admin:taskhub_taskresult_changelist")
    pages = [
        results,
        f"{results}?q=add",
        reverse("admin:taskhub_taskresult_failures"),
        reverse("admin:taskhub_taskmetrics_changelist"),
        *(
            reverse("admin:taskhub_taskresult_change", args=[row.pk])
            for row in [*odd, *failed]
        ),
    ]
    for page in pages:
        assert admin_client.get(page).status_code == 200, page

    assert "tests.tasks.neighbour" in admin_client.get(results).content.decode()
    assert operations.status.read_status().queues
