"""Calls of Celery tasks without a worker: plain ones, eager ones, and refused ones."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy

from taskhub.exceptions import InvalidArguments, InvalidOption, TaskHubError
from taskhub.interop.celery import (
    TaskHubCeleryWarning,
    current_app,
    current_task,
    group,
    shared_task,
)
from taskhub.interop.celery.app.autoretry import countdown
from taskhub.interop.celery.arguments import prepare
from taskhub.interop.celery.exceptions import InvalidCall, Retry
from taskhub.interop.celery.progress import pack, unpack
from taskhub.tasks.codec import encode_without_notes
from tests import celery_tasks as tasks
from tests.unit.interop.celery.functions import (
    another,
    double,
    reject_always,
    retry_always,
    tell_self,
)


def test_a_plain_call_runs_the_function():
    task = shared_task(bind=True)(tell_self)

    assert tasks.add(1, b=2) == 3
    assert task(7) == (task, 7)
    assert task.request.called_directly
    assert not current_task


def test_a_plain_call_raises_instead_of_retrying(db):
    with pytest.raises(OSError, match="away"):
        tasks.retry_by_hand("away")
    with pytest.raises(Retry, match="Task can be retried"):
        tasks.retry_in_an_hour()


def test_apply_runs_here_with_all_retries(db):
    assert tasks.add.apply((1,), {"b": 2}).get() == 3
    result = tasks.retry_without_error.apply()
    assert (result.get(), result.state) == ("given up", "SUCCESS")
    assert tasks.retry_with_more.apply(([5],)).get() == ([50, 0, 10], "Decimal")


def test_apply_keeps_the_error(db):
    result = tasks.fail.apply(("no",))

    assert (result.state, repr(result.result)) == ("FAILURE", "ValueError('no')")
    assert "ValueError: no" in result.traceback
    assert result.get(propagate=False) is result.result
    with pytest.raises(ValueError, match="no"):
        result.get()
    with pytest.raises(ValueError, match="no"):
        tasks.fail.apply(("no",), throw=True)


@pytest.mark.parametrize("name", ["CELERY_TASK_ALWAYS_EAGER", "app"])
def test_always_eager_runs_calls_here(settings, monkeypatch, name):
    if name == "app":
        monkeypatch.setitem(tasks.app.conf._own, "task_always_eager", True)
    else:
        settings.CELERY_TASK_ALWAYS_EAGER = True

    result = tasks.tell_request.apply_async((1,), headers={"a": 1}, countdown=60)

    # Without a database: the test does not request it.
    assert (result.children, result.parent) == ([], None)
    told = result.get()
    assert (told["is_eager"], told["called_directly"]) == (True, False)
    assert (told["id"], told["headers"], told["args"]) == (result.id, {"a": 1}, [1])
    assert tasks.add.s(1).delay(2).get() == 3


def test_eager_calls_check_and_convert_arguments_and_propagate(settings, db):
    settings.CELERY_TASK_ALWAYS_EAGER = True
    with pytest.raises(InvalidArguments):
        tasks.add.delay()
    with pytest.raises(InvalidArguments):
        tasks.add.delay(object())
    assert tasks.fail.delay("no").state == "FAILURE"

    settings.CELERY_TASK_EAGER_PROPAGATES = True
    with pytest.raises(ValueError, match="no"):
        tasks.fail.delay("no")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"link": tasks.add.s()}, "link .* needs workflows"),
        ({"queu": "mail"}, "Unknown option 'queu'"),
    ],
)
@pytest.mark.parametrize("method", ["apply", "apply_async", "group"])
def test_eager_calls_refuse_what_a_worker_would_not_do(
    settings, method, options, message
):
    settings.CELERY_TASK_ALWAYS_EAGER = True
    call = group(tasks.add.s()).apply_async if method == "group" else None

    with pytest.raises(InvalidOption, match=message):
        (call or getattr(tasks.add, method))((1,), **options)


def test_a_task_that_never_stops_to_retry_fails_here_too():
    rejected = shared_task(reject_always)
    retried = shared_task(bind=True, max_retries=None)(retry_always)

    assert [rejected.apply().state, retried.apply().state] == ["FAILURE", "FAILURE"]


@pytest.mark.parametrize("is_eager", [True, False])
def test_values_that_cannot_travel_are_refused_without_advice_to_annotate(
    settings, is_eager
):
    settings.CELERY_TASK_ALWAYS_EAGER = is_eager

    with pytest.raises(InvalidArguments) as caught:
        tasks.add.delay([User()])

    assert str(caught.value) == (
        "Unsupported type: args[0][0] is of type User, which JSON cannot carry; "
        "pass its primary key and fetch it in the task."
    )


def test_values_that_schedules_cannot_have_are_refused_without_advice_to_annotate():
    with pytest.raises(InvalidArguments) as caught:
        encode_without_notes(tasks.add.func, True, [date(2026, 1, 2)], {})

    assert str(caught.value) == (
        "args[0] is a date, which JSON cannot carry; pass the text of the value."
    )


def test_lazy_translations_become_text():
    assert prepare({"a": (gettext_lazy("text"), 1)}) == {"a": ["text", 1]}


@pytest.mark.parametrize("given", [b"x", [{"a": b"x"}], bytearray(b"x")])
def test_bytes_are_refused_since_they_would_arrive_as_text(given):
    with pytest.raises(InvalidArguments, match="is bytes, which would arrive as text"):
        tasks.add.delay(given)
    with pytest.raises(InvalidArguments, match="is bytes, which would arrive as text"):
        tasks.retry_with.apply(([given],), throw=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"link": tasks.add.s()}, "link .* needs workflows, .* enqueue the next"),
        ({"link_error": tasks.add.s()}, "link_error .* on_failure"),
        ({"queu": "mail"}, r"Unknown option 'queu' .*; did you mean 'queue'\?"),
        ({"task_id": "1"}, "task_id must be a UUID of version 7, .* uuid()"),
        ({"task_id": str(uuid4())}, "task_id must be a UUID of version 7, "),
        ({"priority": 1}, "TASKHUB_CELERY_PRIORITY"),
        ({"countdown": "soon"}, "countdown must be seconds or a timedelta, not 'soon'"),
        ({"expires": object}, "in ISO 8601, not|expires must be seconds"),
        ({"eta": 5}, "must be a datetime, or text in ISO 8601, not 5"),
        ({"eta": "soon"}, "must be a datetime, or text in ISO 8601, not 'soon'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(InvalidOption, match=message):
        tasks.add.apply_async((1,), **options)


def test_a_string_as_args_is_refused():
    with pytest.raises(InvalidArguments, match="not a single str"):
        tasks.add.apply_async("ab")
    with pytest.raises(
        InvalidArguments, match=r"A signature takes .* not a single str"
    ):
        tasks.add.signature("ab")
    with pytest.raises(InvalidArguments, match=r"retry\(\) takes .* not a single str"):
        tasks.retry_with.apply(("ab",), throw=True)


@pytest.mark.parametrize(
    "name", ["map", "starmap", "chunks", "replace", "add_to_chord", "send_event"]
)
def test_methods_that_cannot_be_are_refused(name):
    with pytest.raises(InvalidCall, match=rf"tasks\.add\.{name}\(\) "):
        getattr(tasks.add, name)


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'dely'"):
        _ = tasks.add.dely


def test_another_tasks_state_cannot_be_changed():
    with pytest.raises(InvalidCall, match="leave task_id out"):
        tasks.add.update_state(task_id="1", state="PROGRESS")


def test_what_a_retry_keeps_warns():
    with (
        pytest.warns(TaskHubCeleryWarning, match="queue in .*retry"),
        pytest.raises(TaskHubError),
    ):
        tasks.add.retry(queue="mail")


@pytest.mark.parametrize(
    ("meta", "packed"),
    [
        ({"current": 1, "total": 2}, (1, 2, "PROGRESS")),
        ({"current": 1, "total": 2, "a": "b"}, (1, 2, 'PROGRESS {"a": "b"}')),
        ({"value": 1}, (0, None, 'PROGRESS {"value": 1}')),
        ({"current": True, "total": 2}, (0, None, None)),
        ("text", (0, None, 'PROGRESS "text"')),
        (None, (0, None, "PROGRESS")),
    ],
)
def test_the_meta_of_a_state_survives_the_progress(meta, packed):
    done, total, message = pack("PROGRESS", meta)

    assert (done, total) == packed[:2]
    assert message == (packed[2] or message)
    row = {"done": done, "total": total, "message": message}
    assert unpack(row) == ("PROGRESS", meta)


@pytest.mark.parametrize("state", ["progress", "IN PROGRESS", "step-1"])
@pytest.mark.parametrize("meta", [{"a": 1}, {"current": 1, "total": 2}, {}])
def test_a_state_may_be_any_text(state, meta):
    done, total, message = pack(state, meta)

    row = {"done": done, "total": total, "message": message}
    assert unpack(row) == (state, meta)


@pytest.mark.parametrize(
    "progress",
    [
        None,
        {},
        {"message": "Reading rows"},
        {"message": "A {"},
        {"message": "Read {name}"},
        {"done": 1, "total": 2, "message": "PAGE 7"},
    ],
)
def test_another_progress_is_no_state(progress):
    assert unpack(progress) is None


def test_a_task_looks_like_its_function():
    task = shared_task(double)

    assert (task.__name__, task.__doc__) == ("double", "Double a number.")
    assert task.__module__ == "tests.unit.interop.celery.functions"
    assert task.name == "tests.unit.interop.celery.functions.double"
    assert repr(task) == f"<@task: {task.name}>"
    assert current_app.tasks[task.name] is task


def test_jitter_and_the_cap_of_a_backoff():
    task = shared_task(retry_backoff=2, retry_backoff_max=100)(another())
    exact = shared_task(retry_backoff=True, retry_jitter=False)(another())

    assert [countdown(exact, retries) for retries in (0, 1, 9, 99)] == [1, 2, 512, 600]
    assert all(0 <= countdown(task, 3) <= 16 for _ in range(50))
    assert timedelta(seconds=countdown(task, 10_000)) <= timedelta(seconds=100)
