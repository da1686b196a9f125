"""Names that differ only by case, accent or a space at the end are different names."""

import pytest
from django.urls import reverse

from taskhub import periodic
from taskhub.beat.ticker import Ticker
from taskhub.models import PeriodicTask, TaskResult
from taskhub.operations.schedules import synchronise
from taskhub.schedules import every
from taskhub.tasks import declared as declarations
from tests import tasks
from tests.factories import PeriodicTaskFactory, TaskResultFactory

pytestmark = pytest.mark.django_db

NAMES = ["export", "Export", "cafe", "café", "cafe "]


def test_declared_schedules_with_similar_names_are_all_created(monkeypatch):
    monkeypatch.setattr(declarations, "_declared", {})
    for name in NAMES:
        periodic(every(hours=1), name=name, args=[1])(tasks.add)

    assert sorted(synchronise().created) == sorted(NAMES)
    assert synchronise().created == []
    assert PeriodicTask.objects.get(name="Export").name == "Export"


def test_filters_distinguish_similar_names_of_tasks_and_queues():
    for name in NAMES:
        TaskResultFactory(task_path=name, queue_name=name)

    for name in NAMES:
        assert TaskResult.objects.for_task(name).get().task_path == name
        assert TaskResult.objects.in_queue(name).get().queue_name == name


@pytest.mark.django_db(transaction=True)
def test_a_worker_takes_no_messages_from_a_queue_of_a_similar_name(
    start_node, configure
):
    configure(broker_url="database://")
    other = tasks.add.using(backend="free", queue_name="Mail").enqueue(1)
    own = tasks.add.using(backend="free", queue_name="mail").enqueue(1)

    node = start_node("--backend=free", "--queues=mail", "--drain", "--processes=1")
    assert node.wait() == 0, node.log

    assert TaskResult.objects.get(pk=own.id).status == "SUCCESSFUL"
    assert TaskResult.objects.get(pk=other.id).status == "READY"


def test_the_search_and_case_insensitive_lookups_ignore_case(admin_client):
    PeriodicTaskFactory(name="Nightly Export")
    PeriodicTaskFactory(name="Other")

    page = reverse("admin:taskhub_periodictask_changelist")
    answer = admin_client.get(page, {"q": "EXPORT"})

    assert [row.name for row in answer.context["cl"].result_list] == ["Nightly Export"]
    for lookup, value in {
        "iexact": "nightly export", "istartswith": "NIGHTLY", "iendswith": "EXPORT",
        "iregex": "nightly.*EXPORT",
    }.items():  # fmt: skip
        assert PeriodicTask.objects.filter(**{f"name__{lookup}": value}).exists()


def test_a_schedule_whose_case_was_changed_is_planned_again(configure):
    configure(broker_url="database://")
    row = PeriodicTaskFactory(schedule="cron 0 3 * * * UTC")
    PeriodicTask.objects.filter(pk=row.pk).update(planned_schedule="CRON 0 3 * * * UTC")

    assert PeriodicTask.objects.without_plan().get() == row
    Ticker().run_once()

    assert PeriodicTask.objects.get().planned_schedule == "cron 0 3 * * * UTC"
