"""Admins whose get_queryset() is narrowed: pages and actions respect it."""

import json
from types import ModuleType

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.urls import path

from taskhub.admin import (
    BulkActionAdmin,
    NodeAdmin,
    PeriodicTaskAdmin,
    QuarantinedMessageAdmin,
    QueueStateAdmin,
    TaskMetricsAdmin,
    TaskResultAdmin,
)
from taskhub.admin.results.views import bulk
from taskhub.models import (
    BulkAction,
    Node,
    PeriodicTask,
    QuarantinedMessage,
    QueueState,
    TaskMetrics,
    TaskResult,
)
from taskhub.operations.results.bulk import run_bulk_actions
from tests.factories import (
    NodeFactory,
    PeriodicTaskFactory,
    QuarantinedMessageFactory,
    TaskMetricsFactory,
    TaskResultFactory,
)
from tests.integration.admin.results.pages import text_of

pytestmark = pytest.mark.django_db

RESULTS = "/own/taskhub/taskresult/"


def narrowed(model_admin, **mine):
    """Return an admin class that shows only some rows, as a project would write it."""

    class Narrowed(model_admin):
        def get_queryset(self, request):
            return super().get_queryset(request).filter(**mine)

    return Narrowed


@pytest.fixture(autouse=True)
def own_site(settings):
    """Install an admin site that shows only the rows of the tenant "mail"."""
    site = AdminSite(name="own")
    site.register(TaskResult, narrowed(TaskResultAdmin, queue_name="mail"))
    site.register(PeriodicTask, narrowed(PeriodicTaskAdmin, queue_name="mail"))
    site.register(QueueState, narrowed(QueueStateAdmin, queue_name="mail"))
    site.register(
        QuarantinedMessage, narrowed(QuarantinedMessageAdmin, queue_name="mail")
    )
    site.register(TaskMetrics, narrowed(TaskMetricsAdmin, queue_name="mail"))
    site.register(Node, narrowed(NodeAdmin, host="mail"))
    site.register(BulkAction, narrowed(BulkActionAdmin, requested_by="admin"))
    urls = ModuleType("tests_urls_of_tenants")
    urls.urlpatterns = [
        path("own/", site.urls),
        path("admin/", admin.site.urls),
    ]
    settings.ROOT_URLCONF = urls


@pytest.fixture
def pair():
    """Return a function that creates two failed results, one visible and one hidden."""

    def pair(**fields):
        return (
            TaskResultFactory(queue_name="mail", failed=True, **fields),
            TaskResultFactory(queue_name="other", failed=True, **fields),
        )

    return pair


# Results.


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_an_export_contains_only_visible_results(admin_client, pair, kind):
    mine, other = pair()

    response = admin_client.post(f"{RESULTS}export/{kind}/")

    sent = b"".join(response.streaming_content).decode()
    assert str(mine.pk) in sent
    assert str(other.pk) not in sent


@pytest.mark.parametrize("query", [{}, {"status": "FAILED"}, {"q": "add"}])
def test_a_bulk_delete_deletes_only_visible_results(admin_client, pair, query):
    mine, other = pair()
    url = f"{RESULTS}bulk/delete/"

    page = admin_client.get(url, query)
    assert "<strong>1 result</strong>" in text_of(page)
    admin_client.post(url, {"selection": page.context["selection"]})
    run_bulk_actions(5)

    assert list(TaskResult.objects.all()) == [other]
    assert BulkAction.objects.get().done == 1
    assert mine.pk


def test_a_bulk_delete_skips_results_that_become_visible_later(admin_client, pair):
    """Workers do not know the narrowed queryset, so the visible ids are stored."""
    _mine, other = pair()
    url = f"{RESULTS}bulk/delete/"

    page = admin_client.get(url)
    admin_client.post(url, {"selection": page.context["selection"]})
    TaskResult.objects.filter(pk=other.pk).update(queue_name="mail")
    run_bulk_actions(5)

    assert list(TaskResult.objects.all()) == [other]


def test_a_forged_selection_does_not_reach_hidden_results(admin_client, pair):
    _mine, other = pair()
    forged = {"selection": json.dumps({"ids": [str(other.pk)]})}

    admin_client.post(f"{RESULTS}bulk/delete/", forged)
    run_bulk_actions(5)

    assert TaskResult.objects.count() == 2
    assert BulkAction.objects.get().done == 0


@pytest.mark.parametrize("across", ["0", "1"])
def test_an_action_of_the_list_counts_only_visible_results(admin_client, pair, across):
    mine, other = pair()
    chosen = {
        "action": "retry_selected",
        "select_across": across,
        "_selected_action": [mine.pk, other.pk],
    }

    page = admin_client.post(RESULTS, chosen)

    assert "<strong>1 result</strong>" in text_of(page)


def test_a_selection_with_too_many_ids_is_refused(admin_client, pair, monkeypatch):
    monkeypatch.setattr(bulk, "MAX_STORED_IDS", 1)
    pair()
    pair()

    page = admin_client.post(f"{RESULTS}bulk/delete/", {"selection": "{}"}, follow=True)

    assert "At most 1 results at a time" in text_of(page)
    assert not BulkAction.objects.exists()


def test_an_admin_that_is_not_narrowed_stores_no_ids(admin_client, pair):
    """Its bulk actions may cover any number of results."""
    pair()

    admin_client.post("/admin/taskhub/taskresult/bulk/delete/", {"selection": "{}"})

    assert "ids" not in BulkAction.objects.get().selection


def test_the_failures_page_counts_only_visible_results(admin_client, pair):
    pair(cause="both")
    TaskResultFactory(queue_name="other", failed=True, cause="theirs")

    groups = admin_client.get(f"{RESULTS}failures/").context["groups"]

    assert [(each.group.cause, each.group.count) for each in groups] == [("both", 1)]


def test_the_name_of_a_cause_is_not_taken_from_hidden_results(admin_client):
    errors = [{"exception_class_path": "theirs.HiddenError", "place": "theirs.py:1"}]
    TaskResultFactory(queue_name="other", failed=True, cause="a", errors=errors)

    pages = [
        admin_client.get(RESULTS, {"cause": "a"}),
        admin_client.get(f"{RESULTS}bulk/retry/", {"cause": "a"}),
        admin_client.post(f"{RESULTS}export/csv/?cause=a"),
    ]

    assert "theirs" not in text_of(pages[0]) + text_of(pages[1])
    history = admin.models.LogEntry.objects.get().get_change_message()
    assert "theirs" not in history


def test_the_page_of_a_result_lists_only_visible_children(admin_client):
    parent = TaskResultFactory(queue_name="mail")
    mine = TaskResultFactory(queue_name="mail", parent_id=parent.pk)
    other = TaskResultFactory(queue_name="other", parent_id=parent.pk)

    page = text_of(admin_client.get(f"{RESULTS}{parent.pk}/change/"))

    assert str(mine.pk) in page
    assert str(other.pk) not in page


@pytest.mark.parametrize(
    "url",
    [
        "{}/change/",
        "{}/history/",
        "{}/live/",
        "{}/again/",
        "{}/delete/",
    ],
)
def test_a_hidden_result_has_no_pages_and_cannot_be_retried(admin_client, pair, url):
    _mine, other = pair()

    assert admin_client.get(RESULTS + url.format(other.pk)).status_code in (302, 404)
    admin_client.post(RESULTS + f"{other.pk}/do/retry/")
    other.refresh_from_db()
    assert other.status == "FAILED"


# Schedules.


def test_schedules_show_only_visible_results(admin_client):
    row = PeriodicTaskFactory(queue_name="mail", runs=["failed", "failed"])
    mine, other = (TaskResult.objects.get(pk=pk) for pk in row.recent_ids)
    TaskResult.objects.filter(pk=mine.pk).update(queue_name="mail")
    TaskResult.objects.filter(pk=other.pk).update(queue_name="other")

    for url in ("/own/taskhub/periodictask/", f"/own/taskhub/periodictask/{row.pk}/"):
        page = text_of(admin_client.get(url, follow=True))
        assert "Last 1 runs" in page
        assert str(other.pk) not in page


def test_filters_and_preview_reveal_nothing_about_hidden_schedules(admin_client):
    PeriodicTaskFactory(queue_name="mail")
    other = PeriodicTaskFactory(queue_name="other", task_path="theirs.task")
    other.plan(other.created_at)

    page = text_of(admin_client.get("/own/taskhub/periodictask/"))
    result_page = text_of(
        admin_client.get(RESULTS, {"periodic_task__id__exact": other.pk})
    )
    preview = admin_client.get(
        "/own/taskhub/periodictask/preview/",
        {"row": other.pk, "kind": "interval", "count": 1, "unit": "hours"},
    )

    assert "theirs.task" not in page
    assert other.name not in result_page
    unknown = admin_client.get(
        "/own/taskhub/periodictask/preview/",
        {"row": 10**9, "kind": "interval", "count": 1, "unit": "hours"},
    )
    assert preview.json()["words"] == unknown.json()["words"]
    assert len(preview.json()["runs"]) == len(unknown.json()["runs"])


def test_hidden_schedules_cannot_be_run_or_backfilled(admin_client):
    other = PeriodicTaskFactory(queue_name="other")
    url = "/own/taskhub/periodictask/"

    admin_client.post(url, {"action": "run_selected", "_selected_action": [other.pk]})
    admin_client.post(f"{url}{other.pk}/do/run/")
    assert admin_client.get(f"{url}backfill/", {"ids": other.pk}).status_code == 404
    assert not TaskResult.objects.exists()


# Queues, nodes, quarantine.


def test_hidden_queues_are_not_listed_and_cannot_be_paused(admin_client):
    url = "/own/taskhub/queuestate/"

    queues = admin_client.get(url).context["queues"]

    assert {each.queue.name for each in queues} == {"mail"}
    for name, status in (("mail", 302), ("other", 404)):
        done = admin_client.post(f"{url}do/pause/default/{name}/", {"reason": ""})
        assert done.status_code == status
    paused = QueueState.objects.filter(paused_at__isnull=False)
    assert [row.queue_name for row in paused] == ["mail"]


def test_hidden_nodes_and_hidden_running_results_are_not_shown(admin_client):
    token = "mine:2"
    NodeFactory(name="mine", host="mail")
    NodeFactory(name="theirs", host="other")
    run = TaskResultFactory(queue_name="other", running=True, worker_ids=[token])

    page = text_of(admin_client.get("/own/taskhub/node/"))

    assert "theirs" not in page
    assert str(run.pk) not in page
    admin_client.post("/own/taskhub/node/do/stop/?name=theirs", {"reason": ""})
    assert not Node.objects.filter(is_to_stop=True).exists()


def test_hidden_quarantined_messages_cannot_be_deleted_or_pushed(admin_client):
    other = QuarantinedMessageFactory(queue_name="other")
    url = "/own/taskhub/quarantinedmessage/"

    admin_client.post(
        url, {"action": "delete_selected", "_selected_action": [other.pk], "post": "y"}
    )

    admin_client.post(f"{url}{other.pk}/push/")
    assert QuarantinedMessage.objects.exists()


# The overview.


def test_the_overview_lists_only_visible_rows(admin_client):
    for queue in ("mail", "other"):
        TaskMetricsFactory(queue_name=queue, task_path=f"{queue}-tasks.run")
        NodeFactory(name=f"{queue}-node", host=queue, silent=True)
        PeriodicTaskFactory(queue_name=queue, name=f"{queue}-schedule")
        PeriodicTaskFactory(
            queue_name=queue, name=f"{queue}-paused", disabled_itself=True
        )

    pages = [
        text_of(admin_client.get(f"/own/taskhub/taskmetrics/{each}"))
        for each in ("", "live/")
    ]

    for page in pages:
        for name in ("tasks", "node", "schedule", "paused"):
            assert f"mail-{name}" in page
            assert f"other-{name}" not in page
