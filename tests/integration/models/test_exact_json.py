"""JSON of users is stored and returned unchanged on every database."""

import json

import pytest
from django.db import connection, models
from django.db.models import (
    Case,
    Count,
    F,
    OuterRef,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce

from taskhub import operations
from taskhub.models import PeriodicTask, Status, TaskResult
from taskhub.schedules import every
from tests import tasks
from tests.factories import TaskResultFactory
from tests.servers import wait_until

#: jsonb sorts these keys by their length, turns the first float into an integer, and
#: loses the sign of the second one.
ODD = {"zebra": 1e16, "b": -0.0, "aa": [1.0, {"y": 1, "x": 2}]}
KWARGS = {"zz": 1, "y": 2e300, "xx": 3}


def text(*values) -> str:
    """Return values as JSON: unlike dicts, texts also differ by the order of keys."""
    return json.dumps(values)


@pytest.mark.django_db(transaction=True)
def test_every_attempt_gets_unchanged_arguments(start_node):
    result = tasks.fail_with_arguments.using(meta=ODD).enqueue("first", ODD, **KWARGS)
    start_node("--processes=1")
    wait_until(lambda: result.row.status == Status.FAILED, "both attempts to fail")
    operations.results.retry(TaskResult.objects.filter(pk=result.id))
    wait_until(lambda: result.row.status == Status.SUCCESSFUL, "the third attempt")

    row = result.row
    given = text("first", ODD, KWARGS)
    assert [error["message"] for error in row.errors] == [given, given]
    assert text(*row.return_value) == given
    assert text(*result.get()) == given
    assert text(row.args, row.kwargs, row.meta) == text(["first", ODD], KWARGS, ODD)


@pytest.mark.django_db(transaction=True)
def test_return_values_are_returned_unchanged(drain):
    values = [ODD, 1e16, -0.0, "5", "null", None, [], "text"]
    results = [tasks.give_back.enqueue(value) for value in values]
    drain()

    assert text(*(result.get() for result in results)) == text(*values)
    found = TaskResult.objects.order_by("pk").values_list("return_value", flat=True)
    assert text(*found) == text(*values)


@pytest.mark.django_db(transaction=True)
def test_a_schedule_passes_its_arguments_unchanged(drain):
    row = PeriodicTask.objects.create(
        name="exact",
        task_path=tasks.fail_with_arguments.module_path,
        args=["scheduled", ODD],
        kwargs=KWARGS,
        schedule=every(days=1),
    )
    row.refresh_from_db()
    assert text(row.args, row.kwargs) == text(["scheduled", ODD], KWARGS)

    result = operations.schedules.run_now(row)
    drain()

    result.refresh_from_db()
    assert text(*result.return_value) == text("scheduled", ODD, KWARGS)


@pytest.mark.django_db
@pytest.mark.parametrize("many", [1, 3])
def test_create_update_and_bulk_update_store_json_unchanged(many):
    rows = [TaskResultFactory(args=[ODD], kwargs=KWARGS) for _ in range(many)]
    assert text(rows[0].args, rows[0].kwargs) == text([ODD], KWARGS)
    TaskResult.objects.update(return_value=ODD)
    for row in rows:
        row.meta = ODD
    TaskResult.objects.bulk_update(rows, ["meta"])

    for row in TaskResult.objects.all():
        assert text(row.args, row.kwargs) == text([ODD], KWARGS)
        assert text(row.return_value, row.meta) == text(ODD, ODD)


@pytest.fixture
def pair(db):
    """Two results whose arguments differ."""
    return [
        TaskResultFactory(
            args=[1, "one"], kwargs={"user": 7, "tags": ["a", "b"], "of": {"x": 1.5}}
        ),
        TaskResultFactory(args=[2], kwargs={"user": 8, "name": "two"}),
    ]


@pytest.mark.parametrize(
    "lookups",
    [
        {"kwargs__user": 7},
        {"kwargs__user__in": [6, 7]},
        {"kwargs__user__lt": 8},
        {"kwargs__of__x": 1.5},
        {"kwargs__tags__1": "b"},
        {"kwargs__tags": ["a", "b"]},
        {"kwargs__name__isnull": True},
        {"args__1__startswith": "on"},
        {"args__1__icontains": "ONE"},
        {"kwargs__has_key": "tags"},
        {"kwargs__has_keys": ["tags", "user"]},
        {"kwargs__has_any_keys": ["tags", "none"]},
        {"args": [1, "one"]},
        {"kwargs__contains": {"user": 7}},
        {"kwargs__tags__contains": "b"},
        {"args__contained_by": [1, "one", 3]},
    ],
    ids=str,
)
def test_lookups_work_as_on_any_json_field(pair, lookups):
    contains = any("contain" in name and "icontains" not in name for name in lookups)
    if contains and connection.vendor == "sqlite":
        pytest.skip("SQLite lacks this lookup.")
    assert TaskResult.objects.filter(**lookups).ids() == [pair[0].pk]


def test_a_comparison_of_whole_objects_ignores_the_order_of_keys(pair):
    if connection.vendor != "postgresql":
        pytest.skip("Only PostgreSQL compares JSON objects by value.")
    turned = {"tags": ["a", "b"], "of": {"x": 1.5}, "user": 7}
    assert TaskResult.objects.get(kwargs=turned) == pair[0]


def test_distinct_union_grouping_and_ordering_work(pair):
    results = TaskResult.objects.order_by()
    TaskResultFactory(args=[2], kwargs={"user": 8, "name": "two"})
    assert results.distinct().count() == len(results.distinct()) == 3
    assert len(results.filter(args=[2]).union(results.filter(args=[1, "one"]))) == 3
    ordered = results.order_by("args").values_list("args", flat=True).distinct()
    assert sorted(ordered) == [[1, "one"], [2]]
    counts = results.values("args").annotate(n=Count("id"))
    assert sorted((each["n"], each["args"]) for each in counts) == [
        (1, [1, "one"]),
        (2, [2]),
    ]
    assert len(results.order_by("kwargs", "kwargs__user", "-args")) == 3
    assert results.order_by("-kwargs__user").last() == pair[0]
    assert results.annotate(n=Count("id")).first().n == 1


def test_columns_can_be_used_in_expressions(pair):
    first = TaskResult.objects.annotate(
        user=F("kwargs__user"),
        shown=Cast("args", TextField()),
        either=Coalesce("return_value", "kwargs"),
        fixed=Value({"b": 1, "a": 2}, models.JSONField()),
        chosen=Case(When(args=[2], then=F("args")), default=F("kwargs")),
    ).get(pk=pair[0].pk)
    assert (first.user, first.fixed) == (7, {"b": 1, "a": 2})
    assert json.loads(first.shown) == [1, "one"]
    assert first.either == first.chosen == first.kwargs

    inner = TaskResult.objects.filter(pk=OuterRef("pk")).values("kwargs")
    by_query = TaskResult.objects.annotate(
        inner=Subquery(inner, output_field=models.JSONField())
    )
    assert by_query.get(pk=pair[0].pk).inner == pair[0].kwargs


def test_the_database_can_copy_columns(pair):
    TaskResult.objects.update(
        return_value=F("kwargs"), meta=Value({"a": 1}, models.JSONField())
    )
    pair[0].refresh_from_db()
    assert (pair[0].return_value, pair[0].meta) == (pair[0].kwargs, {"a": 1})


def test_rows_can_be_read_by_raw_sql(pair):
    (row,) = TaskResult.objects.raw(
        "SELECT * FROM taskhub_taskresult WHERE id = %s",
        [TaskResult._meta.pk.get_db_prep_value(pair[0].pk, connection)],
    )
    assert (row.args, row.kwargs) == (pair[0].args, pair[0].kwargs)
