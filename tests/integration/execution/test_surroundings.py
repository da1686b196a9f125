"""Context that travels with a task, and middleware around its runs."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone, translation
from opentelemetry import trace

from taskhub.context import current_user_id, current_user_middleware
from taskhub.exceptions import InvalidArguments
from taskhub.models import Status, TaskResult
from taskhub.tasks.carriers import MAX_CONTEXT_BYTES
from tests import surroundings, typed_tasks
from tests.models import Trace
from tests.servers import wait_until
from tests.site_settings.surrounded import CONTEXT, MIDDLEWARE_OF_TASKS
from tests.surroundings import tenant

pytestmark = pytest.mark.django_db(transaction=True)

SITE = {"DJANGO_SETTINGS_MODULE": "tests.site_settings.surrounded"}
TRACE_ID = 0x4BF92F3577B34DA6A3CE929D0E0E4736


@pytest.fixture(autouse=True)
def site(config, configure):
    """The carriers and the middleware, for the processes of nodes and for this one."""
    configure(context=CONTEXT, middleware=MIDDLEWARE_OF_TASKS)


@pytest.fixture
def as_acme():
    """The tenant "acme" while a test enqueues."""
    token = tenant.set("acme")
    yield
    tenant.reset(token)


def _traced():
    context = trace.SpanContext(
        TRACE_ID, 1, is_remote=False, trace_flags=trace.TraceFlags(1)
    )
    return trace.use_span(trace.NonRecordingSpan(context))


def _respond_as(user, enqueue):
    """Make a request of a user, and return what `enqueue` returns in its view."""
    request = RequestFactory().get("/")
    request.user = user
    found = []

    def view(request):
        found.append(enqueue())
        return HttpResponse()

    current_user_middleware(view)(request)
    return found[0]


@pytest.mark.parametrize(
    "name", ["see", "asee", "see_without_row", "see_without_awaiting"]
)
def test_values_travel_to_the_run(drain, as_acme, name):
    user = User.objects.create(username="ada")
    task = getattr(surroundings, name)
    with translation.override("de"), timezone.override("Asia/Tokyo"), _traced():
        result = _respond_as(user, task.enqueue)

    drain(**SITE)

    row = result.row
    assert row.return_value == {
        "language": "de",
        "zone": "Asia/Tokyo",
        "user": user.pk,
        "trace": f"{TRACE_ID:032x}",
        "tenant": "acme",
        "entered": ["outer acme 1", f"inner {name} RUNNING"],
        "key": None,
    }
    assert row.extra["context"]["tests.surroundings.Tenant"] == "acme"


def test_a_fixed_offset_travels_too(drain):
    """Sites that ask browsers for their time zone activate one."""
    with timezone.override(timezone.get_fixed_timezone(-210)):
        result = surroundings.see.enqueue()

    drain(**SITE)

    row = result.row
    assert row.extra == {"context": {"taskhub.context.TimeZone": -12600}}
    assert row.return_value["zone"] == "UTC-03:30"


def test_nothing_is_stored_or_restored_without_values(drain, settings):
    first, second = surroundings.see.enqueue(), surroundings.see.enqueue()

    drain(**SITE)

    assert first.row.extra is None
    value = second.row.return_value
    assert (value["language"], value["zone"], value["user"], value["tenant"]) == (
        settings.LANGUAGE_CODE,
        timezone.get_default_timezone_name(),
        None,
        None,
    )


def test_values_do_not_leak_into_the_next_run(drain, settings):
    with translation.override("de"):
        german = surroundings.see.enqueue()
    english = surroundings.see.enqueue()

    drain("--threads=1", **SITE)

    assert german.row.return_value["language"] == "de"
    assert english.row.return_value["language"] == settings.LANGUAGE_CODE
    assert english.row.return_value["entered"] == ["outer None 1", "inner see RUNNING"]


def test_a_retry_has_the_values_of_the_first_attempt(start_node, as_acme):
    result = surroundings.see.enqueue(fail=True)

    start_node("--processes=1", **SITE)
    wait_until(lambda: result.row.is_finished, "the retry")

    row = result.row
    assert (row.status, row.attempts) == (Status.SUCCESSFUL, 2)
    assert row.return_value["entered"][0] == "outer acme 2"


def test_a_task_that_a_task_enqueues_inherits_the_values(drain, as_acme):
    parent = surroundings.see_in_child.enqueue()

    drain(**SITE)

    child = TaskResult.objects.get(pk=parent.row.return_value)
    assert child.return_value["tenant"] == "acme"


def test_enqueue_many_captures_once_for_all(drain, as_acme):
    results = surroundings.see.enqueue_many([{"key": "a"}, {"key": "b"}])

    drain(**SITE)

    assert [each.row.return_value["tenant"] for each in results] == ["acme", "acme"]


def test_a_carrier_that_fails_to_restore_fails_the_task(drain):
    token = tenant.set("gone")
    result = surroundings.see_in_child.enqueue()
    tenant.reset(token)

    drain(**SITE)

    row = result.row
    assert row.status == Status.FAILED
    assert row.errors[-1]["message"] == "There is no tenant 'gone'."


@pytest.mark.any_broker
def test_a_value_that_is_no_json_or_too_large_is_refused():
    token = tenant.set({1, 2})
    with pytest.raises(InvalidArguments, match=r"context of tests\.surroundings\.Ten"):
        surroundings.see.enqueue()
    tenant.reset(token)

    token = tenant.set("x" * MAX_CONTEXT_BYTES)
    with pytest.raises(InvalidArguments, match=r"2,0\d\d bytes of JSON; at most 2,048"):
        surroundings.see.enqueue()
    tenant.reset(token)


@pytest.mark.parametrize("name", ["see", "asee", "see_without_row"])
def test_a_middleware_may_change_arguments(drain, name):
    result = getattr(surroundings, name).enqueue(key="double")

    drain(**SITE)

    row = result.row
    assert row.return_value["key"] == "doubled"
    assert row.kwargs == {"key": "double"}


@pytest.mark.any_broker
def test_a_process_creates_a_middleware_for_sync_and_for_async_tasks(configure):
    configure(run="immediately", middleware=["tests.surroundings.Counted"])

    for task in (surroundings.see, surroundings.see, surroundings.asee):
        task.enqueue()

    assert surroundings.Counted.instances == 2


@pytest.mark.parametrize("name", ["see", "asee"])
def test_what_a_middleware_raises_is_the_failure_of_the_task(drain, name):
    result = getattr(surroundings, name).enqueue(key="refused")

    drain(**SITE)

    entry = result.row.errors[0]
    assert entry["message"] == "The middleware refuses it."
    assert "surroundings.py" in entry["place"]


@pytest.mark.any_broker
@pytest.mark.any_database
def test_the_user_is_loaded_only_if_a_task_is_enqueued():
    loaded = []

    class LazyRequest:
        @property
        def user(self):
            loaded.append(self)
            return User(pk=7)

    current_user_middleware(lambda request: HttpResponse())(LazyRequest())
    assert not loaded
    assert _respond_as(User(pk=7), current_user_id) == 7
    assert current_user_id() is None


@pytest.mark.any_broker
@pytest.mark.any_database
def test_the_middleware_of_requests_is_async_too():
    async def view(request):
        return current_user_id()

    request = RequestFactory().get("/")
    request.user = User(pk=8)

    assert async_to_sync(current_user_middleware(view))(request) == 8


@pytest.mark.any_broker
@pytest.mark.any_database
@pytest.mark.parametrize(
    ("option", "path", "message"),
    [
        ("context", "tests.surroundings.Tenannt", 'does not define a "Tenannt"'),
        ("context", "tests.surroundings.Outer", "it has no method capture()"),
        ("context", "tests.surroundings.OnlyCapture", "it has no method restore()"),
        ("middleware", "tests.surroundings.NotAsync", "it has no method acall()"),
        ("middleware", "tests.surroundings.OnlyAsync", "it has no method __call__()"),
        ("middleware", "tests.surroundings.tenant", "it is not a class"),
    ],
)
def test_a_faulty_class_is_an_error_of_the_system_check(
    configure, option, path, message
):
    configure(**{option: [path]})

    with pytest.raises(SystemCheckError) as caught:
        call_command("check")

    assert "taskhub.E007" in str(caught.value)
    assert message in str(caught.value)
    assert repr(path) in str(caught.value)


@pytest.mark.parametrize(
    "task",
    [typed_tasks.read_trace, typed_tasks.read_trace_async],
    ids=["sync", "async"],
)
def test_typed_arguments_are_read_within_context_and_middleware(drain, as_acme, task):
    trace = Trace.objects.create(label="x", pid=1)
    one, other = task.enqueue(trace=trace), typed_tasks.describe.enqueue(trace.at)

    drain(**SITE)

    assert one.row.return_value == "x of 1"
    assert set(other.row.extra) == {"context", "types"}
    assert "datetime.datetime(" in other.row.return_value
