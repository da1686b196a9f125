"""What surrounds a run in a worker surrounds it in the kit, too."""

import pytest
from django.utils import translation

from taskhub import operations, signals, task
from taskhub.exceptions import OnHold, WorkerDied
from taskhub.models import TaskResult
from tests import death_tasks, surroundings, worker_tasks
from tests.models import Trace
from tests.site_settings.surrounded import CONTEXT, MIDDLEWARE_OF_TASKS
from tests.surroundings import tenant

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.any_broker,
    pytest.mark.any_database,
]


@pytest.fixture(autouse=True)
def config(configure):
    """The database broker, with carriers and middleware."""
    return configure(
        broker_url="database://", context=CONTEXT, middleware=MIDDLEWARE_OF_TASKS
    )


@pytest.mark.parametrize("name", ["see", "asee"])
def test_context_travels_through_the_middleware(taskhub, name):
    token = tenant.set("acme")
    with translation.override("de"):
        getattr(surroundings, name).enqueue(key="double")
    tenant.reset(token)

    (value,) = taskhub.run().return_values

    assert (value["language"], value["tenant"]) == ("de", "acme")
    assert value["entered"] == ["outer acme 1", f"inner {name} RUNNING"]
    assert value["key"] == "doubled"
    assert tenant.get() is None


def test_tasks_obey_the_rules_of_the_site(configure, taskhub):
    configure(task_rules={"*.charge_by_rule": {"max_attempts": 3}})
    charge = task(charge_by_rule)
    charge.enqueue()

    ran = taskhub.run(raises=False)

    assert (ran.failed, len(ran.pauses)) == (1, 2)


def charge_by_rule():
    raise ConnectionError("no")


def test_a_result_is_on_hold_after_a_crash(taskhub):
    death_tasks.charge.enqueue("a")
    taskhub.crash(after=death_tasks.charge)

    ran = taskhub.run()

    assert ran.on_hold == 1
    assert Trace.labels() == ["a"]
    error = TaskResult.objects.get().errors[-1]
    assert error["exception_class_path"].endswith(OnHold.__name__)

    assert operations.results.retry(TaskResult.objects.all()) == 1
    assert taskhub.run().successful == 1
    assert Trace.labels() == ["a", "a"]


def test_a_result_fails_after_a_crash(taskhub):
    death_tasks.charge_or_fail.enqueue("a")
    taskhub.crash(during=death_tasks.charge_or_fail)

    with pytest.raises(Exception, match="may have done its work") as caught:
        taskhub.run()

    assert WorkerDied.__name__ in f"{type(caught.value).__name__} {caught.value}"
    assert Trace.labels() == []


def test_retries_are_told(taskhub):
    told = []

    def note(error, pause, **kwargs):
        told.append((repr(error), pause.total_seconds()))

    worker_tasks.expects.enqueue("value")
    signals.task_retried.connect(note)
    try:
        taskhub.run(raises=False)
    finally:
        signals.task_retried.disconnect(note)

    assert told == [("ValueError('as expected')", 0)]
