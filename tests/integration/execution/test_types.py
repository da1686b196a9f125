"""Values that JSON does not have travel to a worker, and return values come back."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from django.core.exceptions import SynchronousOnlyOperation

from taskhub import operations
from taskhub.exceptions import InvalidArguments, TaskCancelled
from taskhub.messages import seal
from taskhub.models import Status, TaskResult
from taskhub.tasks import misfit_of
from taskhub.tasks.registry import UNKNOWN_FOR
from tests import typed_tasks
from tests.factories import EnvelopeFactory, TaskResultFactory
from tests.models import Trace
from tests.typed_tasks import Colour, Line, Order, Pair, Point, Size, State

pytestmark = pytest.mark.django_db(transaction=True)

KEY = UUID("0193a3c1-54a5-7ccb-a3d4-3f2d7d3b1f00")
DAY = date(2026, 11, 23)
MOMENT = datetime(2026, 11, 23, 9, tzinfo=UTC)
LINES = [Line(Decimal("1.50")), Line(Decimal(3), Size.BIG)]

#: An argument of each task in TYPED, and what is in the row.
VALUES = {
    "uuid": (KEY, str(KEY)),
    "datetime": (MOMENT, "2026-11-23T09:00:00Z"),
    "date": (DAY, "2026-11-23"),
    "time": (time(9, 30), "09:30:00"),
    "timedelta": (timedelta(days=1, seconds=1.5), "P1DT1.5S"),
    "decimal": (Decimal("1.50"), "1.50"),
    "enum": (Colour.RED, "red"),
    "int_enum": (Size.BIG, 3),
    "choices": (State.PAID, "paid"),
    "bytes": (b"\xff\0", "/wA="),
    "set": ({KEY}, [str(KEY)]),
    "frozenset": (frozenset({7}), [7]),
    "tuple": ((1, KEY), [1, str(KEY)]),
    "any_tuple": ((DAY, DAY), ["2026-11-23", "2026-11-23"]),
    "dataclass": (
        Order(KEY, LINES, MOMENT, Order(KEY, [])),
        {
            "id": str(KEY),
            "lines": [{"price": "1.50", "size": 1}, {"price": "3", "size": 3}],
            "due": "2026-11-23T09:00:00Z",
            "after": {"id": str(KEY), "lines": [], "due": None, "after": None},
        },
    ),
    "struct": (Point(1, DAY), {"x": 1, "at": "2026-11-23"}),
    "typed_dict": (
        {"street": "Main", "since": DAY},
        {"street": "Main", "since": "2026-11-23"},
    ),
    "named_tuple": (Pair(KEY, 2), [str(KEY), 2]),
    "literal": ("b", "b"),
    "number": (3, 3),
    "optional": (KEY, str(KEY)),
    "union": ([Decimal(1)], ["1"]),
    "int_keys": ({5: "five"}, {"5": "five"}),
    "date_keys": ({DAY: Decimal(1)}, {"2026-11-23": "1"}),
    "limited": (2, 2),
}


def test_typed_values_arrive_and_come_back_as_they_were(drain):
    assert VALUES.keys() == typed_tasks.TYPED.keys()
    results = {
        name: typed_tasks.TYPED[name].enqueue(value)
        for name, (value, _stored) in VALUES.items()
    }

    drain()

    for name, (value, stored) in VALUES.items():
        result = results[name]
        row = result.row
        assert row.status == Status.SUCCESSFUL, (name, row.errors)
        assert (row.args, row.return_value) == ([stored], stored), name
        assert row.extra is None
        result.refresh()
        for returned in (result.get(), result.return_value, asyncio.run(result.aget())):
            assert (type(returned), returned) == (type(value), value), name


@pytest.mark.parametrize(
    "task", [typed_tasks.describe, typed_tasks.describe_async], ids=["sync", "async"]
)
def test_values_without_an_annotation_arrive_as_they_were(drain, task):
    shifted = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    args = (KEY, [DAY, {"it's": time(9)}], "text", 1)
    kwargs = {"at": shifted, "price": Decimal("1.50"), "span": timedelta(minutes=1)}
    first, second = task.enqueue(*args, **kwargs), task.enqueue(KEY)
    other = task.enqueue(1)

    drain()

    row = first.row
    assert row.return_value == repr((args, kwargs))
    assert row.args == [str(KEY), ["2026-11-23", {"it's": "09:00:00"}], "text", 1]
    assert row.kwargs == {
        "at": "2026-01-01T12:00:00+02:00",
        "price": "1.50",
        "span": "PT60S",
    }
    assert row.extra["types"]['args[1][1]["it\'s"]'] == "time"
    assert second.row.extra == {"types": {"args[0]": "uuid"}}
    assert other.row.extra is None


def test_types_are_in_the_row_of_a_task_that_is_not_durable(drain):
    result = typed_tasks.describe.using(durable=False).enqueue(KEY)

    drain()

    row = result.row
    assert (row.args, row.return_value) == ([str(KEY)], repr(((KEY,), {})))
    assert row.extra == {"types": {"args[0]": "uuid"}}


@pytest.mark.parametrize(
    "arguments",
    [{"options": {"a": 1}}, {"options": {"a": 1}, "event": {"payload": {"a": 1}}}],
    ids=["plain", "typed"],
)
def test_a_row_has_the_arguments_that_were_passed(drain, arguments):
    """The row is written when the task has finished, and has changed its arguments."""
    task = typed_tasks.empty if "event" in arguments else typed_tasks.empty_plain
    result = task.enqueue(**arguments)

    drain()

    assert (result.row.kwargs, result.row.return_value) == (arguments, "emptied")


def test_one_call_of_many_may_need_notes(drain):
    results = typed_tasks.describe.enqueue_many([(1,), (KEY,), {"day": DAY}])

    drain()

    assert [each.row.return_value for each in results] == [
        repr(((1,), {})),
        repr(((KEY,), {})),
        repr(((), {"day": DAY})),
    ]


def test_types_of_other_positional_and_keyword_arguments(drain):
    result = typed_tasks.describe_typed.enqueue(KEY, DAY, last=KEY, a=Decimal(1))

    drain()

    expected = repr((KEY, (DAY,), KEY, {"a": Decimal(1)}))
    assert result.row.return_value == expected
    assert result.row.extra == {"types": {"kwargs['last']": "uuid"}}


def test_a_retried_result_keeps_the_types_of_its_arguments(drain):
    result = typed_tasks.describe.enqueue(KEY)
    drain()
    TaskResult.objects.update(status=Status.FAILED, return_value=None)

    assert operations.results.retry(TaskResult.objects.all()) == 1
    drain()

    assert result.row.return_value == repr(((KEY,), {}))


def test_return_values_without_an_annotation_are_stored_as_text(drain):
    result = typed_tasks.return_untyped.enqueue(DAY)

    drain()

    assert result.get() == {"value": "2026-11-23", "more": ["2026-11-23"]}


def test_a_return_value_that_does_not_fit_is_stored_as_it_is(drain):
    result = typed_tasks.return_wrong.enqueue(7)

    drain()

    assert result.get() == 7


def test_the_context_shows_plain_arguments(drain):
    result = typed_tasks.show_plain.enqueue(KEY)

    drain()

    assert result.row.return_value == [str(KEY)]


READERS = [
    typed_tasks.read_trace,
    typed_tasks.read_trace_atomically,
    typed_tasks.read_trace_async,
]


@pytest.mark.parametrize("task", READERS, ids=lambda task: task.name)
def test_an_instance_is_read_again_when_the_task_runs(drain, task):
    trace = Trace.objects.create(label="old", pid=1)
    result = task.enqueue(trace)
    Trace.objects.update(label="new")

    drain()

    assert (result.row.args, result.row.return_value) == ([trace.pk], "new of 1")


@pytest.mark.parametrize("task", READERS, ids=lambda task: task.name)
def test_a_run_whose_instance_is_gone_is_cancelled(drain, task):
    trace = Trace.objects.create(label="x", pid=1)
    result = task.enqueue(trace)
    key = trace.pk
    trace.delete()

    log = drain()

    row = result.row
    assert (row.status, row.attempts, row.cause) == (Status.CANCELLED, 1, "")
    (error,) = row.errors
    assert error["exception_class_path"] == "taskhub.exceptions.ReferenceGone"
    assert error["message"] == f"Trace {key} is gone."
    assert "Traceback" not in log
    with pytest.raises(TaskCancelled, match=f"Trace {key} is gone"):
        result.get()


def test_the_key_of_a_masked_instance_that_is_gone_is_not_shown(drain):
    trace = Trace.objects.create(label="x", pid=1)
    result = typed_tasks.read_masked.enqueue(trace)
    key = trace.pk
    trace.delete()

    log = drain()

    (error,) = result.row.errors
    assert error["message"] == "An instance that an argument refers to is gone."
    assert f"Trace {key}" not in log + error["traceback"]


def test_none_stands_for_an_instance_that_is_gone(drain):
    trace = Trace.objects.create(label="x", pid=1)
    results = [typed_tasks.read_optional_trace.enqueue(each) for each in (trace, None)]
    trace.delete()

    drain()

    assert [each.row.return_value for each in results] == ["None", "None"]


def test_instances_in_lists_and_as_return_values(drain):
    traces = [Trace.objects.create(label=each, pid=1) for each in "abc"]
    many = typed_tasks.read_traces.enqueue(traces)
    one = typed_tasks.return_trace.enqueue(traces[0])

    drain()

    assert many.row.return_value == ["a", "b", "c"]
    assert one.row.return_value == traces[0].pk
    assert one.get() == traces[0]
    assert asyncio.run(one.aget()) == traces[0]


def test_a_returned_instance_cannot_be_read_on_an_event_loop(drain):
    result = typed_tasks.return_trace.enqueue(Trace.objects.create(label="x", pid=1))
    drain()
    result.refresh()

    async def read():
        return result.return_value

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(read())


def test_a_task_fails_if_the_instance_that_another_returned_is_gone(drain):
    trace = Trace.objects.create(label="x", pid=1)
    returned = typed_tasks.return_trace.enqueue(trace)
    drain()
    trace.delete()
    result = typed_tasks.read_returned.enqueue(returned.id)

    drain()

    row = result.row
    assert (row.status, row.cause != "") == (Status.FAILED, True)
    assert row.errors[-1]["exception_class_path"].endswith("ReferenceGone")


def test_a_returned_record_of_a_subclass_is_stored_as_its_base(drain):
    result = typed_tasks.return_subclass.enqueue()

    drain()

    assert result.row.status == Status.SUCCESSFUL
    assert result.get() == Line(Decimal(1))


def test_arguments_that_do_not_fit_any_more_fail_without_a_retry(bench, drain):
    """The annotations have changed since the task was enqueued, long ago."""
    order = VALUES["dataclass"][1] | {"lines": [{"price": "1"}, {"price": []}]}
    row = TaskResultFactory(
        task_path=typed_tasks.TYPED["dataclass"].module_path,
        args=[order],
        enqueued_at=datetime.now(UTC) - UNKNOWN_FOR,
    )
    body = seal(row.to_message(), bench.broker.config.signing_keys[0])
    bench.put(EnvelopeFactory(id=row.id, body=body))

    drain()

    row.refresh_from_db()
    assert (row.status, len(row.errors)) == (Status.FAILED, 1)
    assert row.errors[0]["exception_class_path"].endswith("InvalidArguments")
    assert "args[0] ('value') does not fit" in row.errors[0]["message"]
    assert "at `$.lines[1].price`" in row.errors[0]["message"]


def test_arguments_that_do_not_fit_wait_for_a_worker_with_newer_code():
    path = typed_tasks.TYPED["uuid"].module_path

    assert misfit_of(path, [str(KEY)], {}) == ""
    assert "does not fit its annotation, UUID" in misfit_of(path, ["x"], {})


def test_a_masked_value_that_does_not_fit_is_not_shown():
    misfit = misfit_of(typed_tasks.paint.module_path, ["hunter2"], {})

    assert "args[0] ('colour') does not fit its annotation, Colour" in misfit
    assert "hunter2" not in misfit


def test_an_instance_that_is_not_saved_is_refused():
    with pytest.raises(InvalidArguments, match="has a Trace that is not saved"):
        typed_tasks.read_trace.enqueue(Trace())
