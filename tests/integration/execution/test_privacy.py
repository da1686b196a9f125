"""No logs, tracebacks or error trackers show masked arguments, keys or passwords."""

import asyncio
import re
import sys
from collections.abc import Iterator
from contextvars import copy_context
from datetime import UTC, datetime
from types import TracebackType

import pytest
from asgiref.sync import async_to_sync
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from taskhub.brokers import get_broker
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import InvalidArguments, TaskHubError
from taskhub.execution import Executor, Preparer, Run
from taskhub.messages import Delivery, seal, unseal
from taskhub.models import PeriodicTask, Status, TaskResult
from taskhub.tasks import Context
from taskhub.writer import Attempt, Ended, Logged, Outcome, Progress, Quarantined, Tally
from tests import tasks, typed_tasks, worker_tasks
from tests.factories import EnvelopeFactory, MessageFactory
from tests.nodes import wait_until
from tests.servers import free_port

pytestmark = [pytest.mark.any_database, pytest.mark.any_broker]

SECRET = "hunter2"


def key_of(config):
    return config.signing_keys[0]


def locals_of(error: BaseException) -> Iterator[tuple[str, object]]:
    """Yield the local variables of taskhub's frames, which error trackers print."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if "/tests/" not in code.co_filename:
                for name, value in trace.tb_frame.f_locals.items():
                    yield f"{code.co_qualname}.{name}", value
            trace = trace.tb_next
        error = error.__cause__ or error.__context__


def test_the_repr_of_an_object_with_arguments_does_not_show_them(config):
    message = MessageFactory(
        task_path="tests.tasks.sign_in", args=["ada", SECRET], meta={"note": SECRET}
    )
    body = seal(message, config.signing_keys[0])
    delivery = Delivery(id=str(message.id), queue_name="default", body=body)
    attempt = Attempt.first(message, "worker-1")
    attempt.errors = [{"message": SECRET}]
    outcome = Outcome(
        attempt=attempt,
        status=Status.FAILED,
        finished_at=datetime.now(UTC),
        return_value=SECRET,
    )
    run = Preparer(config, "worker-1").prepare(delivery)
    assert isinstance(run, Run)
    assert run.result().args == ["ada", SECRET]
    carrying = [
        message,
        delivery,
        Delivery(id="1", queue_name="default", message=message),
        EnvelopeFactory(body=body),
        attempt,
        outcome,
        Progress(attempt, 1, 2, SECRET),
        logged := Logged(message.id, attempt, [["", "", "", SECRET]]),
        Quarantined(delivery, "forged", "worker-1"),
        run,
        run.result(),
        Context(task_result=run.result()),
        Ended(delivery, outcome, logged=logged),
        PeriodicTask(name="a", task_path="tests.tasks.add", args=[SECRET]),
        TaskResult(args=[SECRET], kwargs={"password": SECRET}),
    ]

    for each in carrying:
        assert SECRET not in repr(each), type(each)
        assert SECRET not in str(each), type(each)
    assert str(message.id) in repr(message)
    assert "tests.tasks.sign_in" in repr(run.result())


def test_the_repr_of_the_config_hides_keys_and_passwords(configure, settings):
    config = configure(broker_url=f"redis://ada:{SECRET}@127.0.0.1:1/0")
    key = config.signing_keys[0]

    shown = repr(config) + repr(config.options) + repr(get_broker(config))
    assert SECRET not in shown
    assert repr(bytes(key)) not in shown
    assert SECRET not in repr(config.options.broker_url)
    assert "\\x" not in repr(key)
    # The values themselves are unchanged.
    assert config.options.broker_url.startswith("redis://ada:")
    assert unseal(seal(MessageFactory(), key), [key], max_bytes=9_999)


def failing_enqueues(config):
    """Yield calls that enqueue a secret argument and raise, each for its own reason."""
    yield lambda: tasks.sign_in.enqueue("ada", password=SECRET, role=1)
    yield lambda: tasks.sign_in.enqueue("ada", password=SECRET, name="eve")
    yield lambda: tasks.sign_in.enqueue(object(), SECRET)
    yield lambda: tasks.sign_in.using(durable=False).enqueue("ada", SECRET)
    yield lambda: tasks.sign_in.enqueue_many([("ada", SECRET), (object(), SECRET)])
    yield lambda: tasks.sign_in.delay(object(), SECRET)
    yield lambda: tasks.sign_in.apply_async([object(), SECRET])
    yield lambda: async_to_sync(tasks.sign_in.aenqueue)(object(), SECRET)
    yield lambda: async_to_sync(tasks.sign_in.aenqueue_many)([(object(), SECRET)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", range(9))
def test_an_error_tracker_sees_no_secret_when_enqueueing_fails(configure, number):
    config = configure(broker_url=f"redis://ada:topsecret@127.0.0.1:{free_port()}/0")
    enqueue = list(failing_enqueues(config))[number]

    with pytest.raises(TaskHubError) as caught:
        enqueue()

    key = repr(bytes(config.signing_keys[0]))
    for name, value in locals_of(caught.value):
        assert "topsecret" not in repr(value), name
        assert key not in repr(value), name


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", range(9))
def test_djangos_report_of_a_failed_enqueueing_shows_no_arguments(
    configure, settings, number
):
    """Django shows the report as a page, and mails it to ADMINS with `include_html`."""
    settings.DEBUG = False
    config = configure(broker_url=f"redis://ada:topsecret@127.0.0.1:{free_port()}/0")
    enqueue = list(failing_enqueues(config))[number]

    try:
        enqueue()
    except TaskHubError:
        reporter = ExceptionReporter(RequestFactory().get("/"), *sys.exc_info())

    frames = reporter.get_traceback_data()["frames"]
    ours = [each for each in frames if re.search(r"tasks|taskhub/", each["filename"])]
    ours = [each for each in ours if "/tests/" not in each["filename"]]
    assert ours
    for frame in ours:
        for name, value in frame["vars"]:
            assert SECRET not in value, (frame["filename"], name)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("task", "more"),
    [
        (worker_tasks.refuse, []),
        (worker_tasks.async_refuse, []),
        # A model instance that is gone.
        (typed_tasks.charge_trace, [404]),
    ],
)
def test_an_error_tracker_sees_no_secret_when_a_task_fails(config, task, more):
    """Only frames above the task are checked: its own frames belong to the site."""
    message = MessageFactory(
        task_path=task.module_path, args=[SECRET, *more], kwargs={}
    )
    delivery = Delivery(
        id=str(message.id), queue_name="default", body=seal(message, key_of(config))
    )
    run = Preparer(config, "worker-1").prepare(delivery)
    executor = Executor(config, lambda progress: None, Tally())
    seen = []

    def track(**kwargs):
        seen.extend((name, repr(value)) for name, value in locals_of(sys.exception()))

    compat.task_finished.connect(track)
    try:
        if not task.is_async:
            copy_context().run(executor.run, run)
        else:
            asyncio.run(executor.arun(run))
    finally:
        compat.task_finished.disconnect(track)

    assert len(seen) > 2
    for name, value in seen:
        assert SECRET not in value, name
        assert repr(bytes(key_of(config))) not in value, name


@pytest.mark.django_db(transaction=True)
def test_a_message_that_cannot_be_pushed_is_logged_without_arguments(configure, caplog):
    configure(broker_url=f"redis://127.0.0.1:{free_port()}/0")

    tasks.sign_in.enqueue("ada", password=SECRET)

    assert "Not pushed yet" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_progress_that_is_not_a_number_raises_in_the_task(start_node):
    result = worker_tasks.tell_odd_progress.enqueue(SECRET)
    start_node("--processes=1")
    wait_until(lambda: result.row.is_finished, "the task")

    assert result.row.return_value == ["InvalidArguments"] * 6
    progress = result.row.progress
    assert (progress["done"], progress["total"], progress["message"]) == (2, 4, "rows")


@pytest.mark.parametrize("done", [float("nan"), float("inf"), "3", 1e300, None])
def test_the_error_of_progress_says_which_values_are_expected(done):
    context = Context(task_result=None, report=lambda *_: None)

    with pytest.raises(InvalidArguments, match=r"progress.. takes numbers"):
        context.progress(done, 10)


@pytest.mark.django_db(transaction=True)
def test_progress_that_the_database_refuses_is_logged_without_arguments(start_node):
    result = worker_tasks.report_past_the_check.enqueue(SECRET)
    node = start_node("--processes=1")
    wait_until(lambda: "Cannot store" in node.log, "the refusal")
    wait_until(lambda: result.row.is_finished, "the task")

    assert SECRET not in node.log
    assert result.id in node.log
    assert "worker_tasks.report_past_the_check" in node.log
