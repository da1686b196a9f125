"""Bulk actions on results: confirmation, execution, progress and history."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from taskhub import operations
from taskhub.admin.results.views import bulk
from taskhub.models import BulkAction, Status, TaskResult
from taskhub.models.ids import first_id_at
from taskhub.operations.results import Selection, failures
from taskhub.operations.results.bulk import run_bulk_actions
from taskhub.writer import interventions
from tests import tasks
from tests.factories import PeriodicTaskFactory, TaskResultFactory
from tests.integration.admin.results.pages import LIST, SCRIPT, do, history, text_of

pytestmark = pytest.mark.django_db

FAILED = Selection(status="FAILED")
KINDS = ["retry", "cancel", "delete"]


def bulk_url(kind):
    return reverse("admin:taskhub_taskresult_bulk", args=[kind])


def page_of(action, name="change"):
    return reverse(f"admin:taskhub_bulkaction_{name}", args=[action.pk])


def choose(client, action, rows=(), *, query="", across=False):
    """Tick rows of the list, run an action, and return the page that follows."""
    return client.post(
        f"{LIST}?{query}",
        {
            "action": f"{action}_selected",
            "_selected_action": [row.pk for row in rows],
            "select_across": "1" if across else "0",
            "index": "0",
        },
        follow=True,
    )


def confirm(client, kind, response, **options):
    """Submit the confirmation page of a bulk action."""
    options["selection"] = response.context["selection"]
    return client.post(bulk_url(kind), options, follow=True)


# Confirmation.


def test_the_confirmation_counts_the_results_that_can_be_retried(admin_client):
    failed = TaskResultFactory.create_batch(3, failed=True)
    running = TaskResultFactory(running=True)

    response = choose(admin_client, "retry", [*failed[:2], running])

    assert response.context["count"] == 2
    assert "Retry 2 results" in text_of(response)
    assert not BulkAction.objects.exists()


def test_selecting_all_acts_on_all_results_that_match_the_filters(config, admin_client):
    wanted = TaskResultFactory.create_batch(
        3, failed=True, task_path="tests.tasks.send", queue_name="mail"
    )
    TaskResultFactory(failed=True, queue_name="mail")
    TaskResultFactory(task_path="tests.tasks.send", queue_name="mail")
    query = "status=FAILED&task=tests.tasks.send&queue=mail&since=1h&p=0&o=-1"

    response = choose(admin_client, "retry", wanted[:1], query=query, across=True)
    assert response.context["count"] == 3
    confirm(admin_client, "retry", response)
    run_bulk_actions(1)

    assert set(TaskResult.objects.ready().filter(attempts=1)) == set(wanted)


@pytest.mark.parametrize(
    "query",
    [
        "status=unfinished",
        "status=SUCCESSFUL",
        "task=tests.tasks.send",
        "queue=mail",
        "since=24h",
        "periodic_task__id__exact={schedule}",
        "cause=abc",
        "parent={parent}",
        "q=user_id%3D42",
        "q=send&status=FAILED",
        "",
    ],
)
def test_a_selection_contains_exactly_the_listed_results(admin_client, query):
    schedule = PeriodicTaskFactory()
    parent = TaskResultFactory(successful=True, id=first_id_at(_days_ago(2)))
    TaskResultFactory(failed=True, cause="abc", task_path="tests.tasks.send")
    TaskResultFactory(parent_id=parent.pk, queue_name="mail", kwargs={"user_id": 42})
    TaskResultFactory(periodic_task=schedule, running=True)
    query = query.format(schedule=schedule.pk, parent=parent.pk)

    seen = admin_client.get(f"{LIST}?{query}").context["cl"].result_list
    response = admin_client.get(f"{bulk_url('delete')}?{query}")

    selection = Selection.from_json(json.loads(response.context["selection"]))
    assert set(selection.results()) == set(seen)
    assert len(seen) > 0


def _days_ago(days):
    return timezone.now() - timedelta(days=days)


@pytest.mark.parametrize(
    "query",
    [
        "status__exact=FAILED",
        "attempts__gt=3",
        "since=ages",
        "status=FIALED",
        "parent=nobody",
        "periodic_task__id__exact=x",
    ],
)
def test_filters_that_no_selection_can_express_are_refused(admin_client, query):
    row = TaskResultFactory(failed=True)

    asked = admin_client.get(f"{bulk_url('delete')}?{query}")

    assert asked.status_code == 302
    # The list itself may already refuse such an address.
    choose(admin_client, "delete", [row], query=query, across=True)
    assert not BulkAction.objects.exists()


@pytest.mark.parametrize("selection", ["", "[]", '{"status": "FIALED"}', '{"x": 1'])
def test_an_invalid_selection_starts_no_bulk_action(admin_client, selection):
    admin_client.post(bulk_url("delete"), {"selection": selection})

    assert not BulkAction.objects.exists()


def test_the_confirmation_counts_up_to_a_maximum(admin_client, monkeypatch):
    monkeypatch.setattr(bulk, "MAX_CONFIRMED", 2)
    monkeypatch.setattr(bulk, "MAX_EXPECTED", 2)
    TaskResultFactory.create_batch(4, failed=True)

    response = admin_client.get(bulk_url("retry"))
    assert "more than 2" in text_of(response)
    confirm(admin_client, "retry", response)

    assert BulkAction.objects.get().expected is None


def test_the_confirmation_warns_if_no_worker_is_running(admin_client):
    assert "No worker is running at the moment" in text_of(
        admin_client.get(bulk_url("retry"))
    )


def test_html_in_a_search_is_escaped(admin_client):
    TaskResultFactory(task_path=SCRIPT)

    page = text_of(admin_client.get(bulk_url("delete"), {"q": SCRIPT}))

    assert SCRIPT not in page


# Execution.


@pytest.mark.django_db(transaction=True)
def test_retries_are_spread_at_the_requested_rate(config, admin_client):
    TaskResultFactory.create_batch(2, failed=True)

    response = admin_client.get(bulk_url("retry"), {"per_second": "0.01"})
    assert 'value="0.01"' in text_of(response)
    page = confirm(admin_client, "retry", response, per_second="0.01")
    run_bulk_actions(1)

    action = BulkAction.objects.get()
    assert (action.per_second, action.expected) == (0.01, 2)
    assert (action.requested_by, action.done) == ("admin", 2)
    assert page.redirect_chain[-1][0] == page_of(action)
    first, second = TaskResult.objects.order_by("pk")
    # The first retry is due at once, the second 100 s after the request.
    assert (second.run_after - action.requested_at).total_seconds() == pytest.approx(
        100
    )
    assert first.run_after < second.run_after
    assert history()[0][0] == "admin"
    assert "Requested (" in history()[0][1]


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "nan"])
def test_an_invalid_rate_is_reported_at_its_field(admin_client, rate):
    TaskResultFactory(failed=True)
    response = admin_client.get(bulk_url("retry"))

    again = confirm(admin_client, "retry", response, per_second=rate)

    assert again.context["form"].errors.keys() == {"per_second"}
    assert not BulkAction.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_force", [True, False])
def test_waiting_and_running_results_are_cancelled(config, admin_client, by_force):
    tasks.add.enqueue(1)
    TaskResultFactory(running=True)

    response = admin_client.get(bulk_url("cancel"))
    confirm(
        admin_client, "cancel", response, **({"by_force": "on"} if by_force else {})
    )
    run_bulk_actions(1)

    rows = TaskResult.objects.all()
    assert {row.status for row in rows} == {Status.CANCELLED}
    assert {row.errors[-1]["by_force"] for row in rows} == {by_force}


@pytest.mark.django_db(transaction=True)
def test_selected_results_are_deleted(config, admin_client):
    waiting = [result.row for result in tasks.add.enqueue_many([(1,), (2,)])]
    running, kept = TaskResultFactory(running=True), TaskResultFactory(failed=True)

    response = choose(admin_client, "delete", [*waiting, running])
    confirm(admin_client, "delete", response)
    run_bulk_actions(1)

    assert TaskResult.objects.all().ids() == [kept.pk]


# Progress.


def test_page_list_and_live_view_show_the_progress(admin_client):
    TaskResultFactory.create_batch(4, failed=True)
    action = operations.results.start_bulk("retry", FAILED, by=SCRIPT, expected=4)
    BulkAction.objects.update(done=1)

    page = text_of(admin_client.get(page_of(action)))
    answer = admin_client.get(page_of(action, "live")).json()
    listed = text_of(admin_client.get(reverse("admin:taskhub_bulkaction_changelist")))

    assert (answer["percent"], answer["text"]) == (25, "1 of 4")
    assert not answer["is_over"]
    assert 'value="25"' in page
    assert 'value="25"' in listed
    assert SCRIPT not in page + listed


def test_a_bulk_action_can_be_stopped(admin_client):
    action = operations.results.start_bulk("retry", FAILED, by="grace")
    stop = reverse("admin:taskhub_bulkaction_do", args=[action.pk, "stop"])

    assert stop in text_of(admin_client.get(page_of(action)))
    page = text_of(admin_client.post(stop, follow=True))

    assert "Stopped; what was done" in page
    assert stop not in page
    assert "Stopped" in page
    action.refresh_from_db()
    assert action.stopped_by == "admin"
    assert history() == [("admin", "Stopped.")]


def test_a_bulk_action_with_an_invalid_selection_is_shown(admin_client):
    action = operations.results.start_bulk("retry", FAILED)
    BulkAction.objects.update(selection={"status": "FIALED"})

    assert "FIALED" in text_of(admin_client.get(page_of(action)))


def test_bulk_actions_cannot_be_added_changed_or_deleted(admin_client):
    action = operations.results.start_bulk("retry", FAILED)

    assert admin_client.post(page_of(action), {"kind": "delete"}).status_code == 403
    assert admin_client.post(page_of(action, "delete")).status_code == 403
    assert admin_client.get(reverse("admin:taskhub_bulkaction_add")).status_code == 403


# Permissions.


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_requires_its_permission(staff, kind):
    others = [f"{other}_taskresult" for other in KINDS if other != kind]
    client = staff("view_taskresult", *others)
    row = TaskResultFactory(failed=True)
    action = operations.results.start_bulk(kind, FAILED)
    stop = reverse("admin:taskhub_bulkaction_do", args=[action.pk, "stop"])

    assert f'value="{kind}_selected"' not in text_of(client.get(LIST))
    assert choose(client, kind, [row]).context.get("selection") is None
    assert client.get(bulk_url(kind)).status_code == 403
    assert client.post(bulk_url(kind), {"selection": "{}"}).status_code == 403
    assert stop not in text_of(client.get(page_of(action)))
    assert client.post(stop).status_code == 403
    assert BulkAction.objects.filter(finished_at=None).count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_permission_of_a_kind_allows_it(staff, kind):
    client = staff("view_taskresult", f"{kind}_taskresult")
    row = TaskResultFactory(running=kind == "cancel", failed=kind != "cancel")

    response = choose(client, kind, [row])
    page = confirm(client, kind, response)

    assert page.status_code == 200
    assert BulkAction.objects.get().kind == kind


def test_bulk_actions_require_permission_to_view_results(staff):
    client = staff(*(f"{kind}_taskresult" for kind in KINDS))

    for kind in KINDS:
        assert client.get(bulk_url(kind)).status_code == 403
    action = operations.results.start_bulk("retry", FAILED)
    assert client.get(page_of(action)).status_code == 403


# History.


def history_of(row):
    return reverse("admin:taskhub_taskresult_history", args=[row.pk])


@pytest.mark.parametrize("kind", ["retry", "cancel"])
def test_the_history_of_a_result_lists_its_bulk_actions(
    config, staff, admin_client, kind
):
    row, other = TaskResultFactory.create_batch(2, failed=kind == "retry")
    response = choose(admin_client, kind, [row])
    confirm(admin_client, kind, response)
    run_bulk_actions(1)

    action = BulkAction.objects.get()
    page = text_of(staff("view_taskresult").get(history_of(row)))
    assert f'<a href="{page_of(action)}">{action.get_kind_display()}</a>' in page
    assert "<td>admin</td>" in page
    assert "have a change history" not in page
    assert page_of(action) not in text_of(admin_client.get(history_of(other)))


def test_the_history_lists_each_bulk_action_once_in_order_of_time(config, admin_client):
    row = TaskResultFactory(failed=True)
    for name in ("ada", "grace"):
        action = operations.results.start_bulk("retry", FAILED, by=name)
        run_bulk_actions(1)
        TaskResult.objects.update(status=Status.FAILED)
    # As if the steward had died before it wrote down the progress.
    BulkAction.objects.filter(pk=action.pk).update(done_id=None, finished_at=None)
    run_bulk_actions(1)
    admin_client.post(do(row, "cancel"))

    page = text_of(admin_client.get(history_of(row)))
    assert page.index("Cancelled.") < page.index("grace") < page.index("ada")
    assert page.count("grace") == 1


def test_a_row_keeps_only_the_ids_of_its_last_bulk_actions(config, monkeypatch):
    monkeypatch.setattr(interventions, "_MAX_BULK_ACTIONS_PER_ROW", 2)
    row = TaskResultFactory(failed=True)
    for _n in range(3):
        action = operations.results.start_bulk("retry", FAILED)
        run_bulk_actions(1)
        TaskResult.objects.update(status=Status.FAILED)

    row.refresh_from_db()
    assert len(row.bulk_action_ids) == 2
    assert row.bulk_action_ids[-1] == str(action.pk)


def test_the_history_requires_view_permission(staff):
    row = TaskResultFactory(failed=True)

    assert staff("retry_taskresult").get(history_of(row)).status_code == 403


# Queries.


def test_the_pages_need_few_queries_for_many_rows(
    admin_client, django_assert_max_num_queries
):
    rows = TaskResultFactory.create_batch(30, failed=True)
    for _row in rows:
        action = operations.results.start_bulk("retry", FAILED)

    # Two queries of each page load the session and the user.
    with django_assert_max_num_queries(4):
        admin_client.get(bulk_url("retry"))
    with django_assert_max_num_queries(5):
        admin_client.get(page_of(action))
    with django_assert_max_num_queries(5):
        admin_client.get(reverse("admin:taskhub_bulkaction_changelist"))


# Failures by cause.

FAILURES = reverse("admin:taskhub_taskresult_failures")


def fail(count, cause, **fields):
    """Create failed results of one cause."""
    return TaskResultFactory.create_batch(
        count,
        failed=True,
        cause=cause,
        errors=[
            {
                "attempt": 1,
                "exception_class_path": f"shop.{SCRIPT}",
                "message": f"{cause} {SCRIPT}",
                "place": f"/srv/{SCRIPT}.py:3 in charge",
            }
        ],
        **fields,
    )


def test_failures_are_grouped_by_cause(admin_client, django_assert_max_num_queries):
    fail(3, "often")
    fail(1, "seldom")

    with django_assert_max_num_queries(4):
        page = text_of(admin_client.get(FAILURES))

    assert page.index("often") < page.index("seldom")
    assert SCRIPT not in page
    assert "in charge" in page
    assert re.search(r"<strong>3</strong>\s+failures", page)


def test_a_filter_without_an_index_counts_only_the_newest_failures(
    admin_client, monkeypatch
):
    monkeypatch.setattr(failures, "MAX_UNINDEXED_FAILURES", 2)
    fail(4, "often")

    narrowed = admin_client.get(FAILURES, {"queue": "default"})
    whole = admin_client.get(FAILURES)

    assert [shown.group.count for shown in narrowed.context["groups"]] == [2]
    assert "Of the newest" in text_of(narrowed)
    assert [shown.group.count for shown in whole.context["groups"]] == [4]
    assert "Of the newest" not in text_of(whole)


def test_a_group_links_to_its_results_and_bulk_actions(admin_client):
    wanted = fail(2, "often", queue_name="mail")
    fail(1, "often")
    page = admin_client.get(FAILURES, {"queue": "mail", "since": "1h"})
    (shown,) = page.context["groups"]

    seen = admin_client.get(shown.list_url)
    asked = admin_client.get(shown.retry_url)

    assert set(seen.context["cl"].result_list) == set(wanted)
    assert "By cause" in text_of(seen)
    assert SCRIPT not in text_of(seen)
    assert asked.context["count"] == 2
    assert 'value="10"' in text_of(asked)
    assert admin_client.get(shown.delete_url).context["count"] == 2


def test_a_cause_is_described_even_after_its_failures_are_retried(config, admin_client):
    TaskResultFactory(
        failed=True,
        cause="3f2a",
        errors=[
            {
                "attempt": 1,
                "exception_class_path": "shop.errors.Declined",
                "place": "/srv/shop/cards.py:3 in charge",
            }
        ],
    )
    words = "Declined, /srv/shop/cards.py:3 in charge"

    asked = admin_client.get(f"{bulk_url('retry')}?cause=3f2a")
    assert ("Cause", words) in asked.context["facts"]
    assert words in text_of(admin_client.get(f"{LIST}?cause=3f2a"))
    confirm(admin_client, "retry", asked)
    run_bulk_actions(1)

    assert not TaskResult.objects.failed().exists()
    page = text_of(admin_client.get(page_of(BulkAction.objects.get())))
    assert f"Cause: {words}" in page
    ((_user, said),) = history()
    assert f"Cause: {words}" in said


def test_an_unknown_cause_is_shown_unchanged(admin_client):
    asked = admin_client.get(f"{bulk_url('delete')}?cause=3f2a")

    assert ("Cause", "3f2a") in asked.context["facts"]


def test_the_link_to_the_failures_keeps_the_list_filters(admin_client):
    fail(1, "often", queue_name="mail")

    page = text_of(admin_client.get(LIST, {"queue": "mail", "p": 0}))

    assert f'href="{FAILURES}?queue=mail"' in page


def test_the_failures_page_shows_only_failed_results(admin_client):
    TaskResultFactory(successful=True)

    page = text_of(admin_client.get(FAILURES, {"status": "SUCCESSFUL"}))

    assert "No failures." in page
    assert admin_client.get(FAILURES, {"since": "ages"}).status_code == 302


def test_view_permission_shows_failures_without_buttons(staff):
    client = staff("view_taskresult")
    fail(1, "often")

    page = text_of(client.get(FAILURES))

    assert "often" in page
    assert all(bulk_url(kind) not in page for kind in KINDS)


def test_the_failures_page_requires_view_permission(staff):
    assert staff("retry_taskresult").get(FAILURES).status_code == 403
