"""The pages of periodic tasks: the list, rows declared in code, permissions."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from taskhub.models import PeriodicTask
from taskhub.schedules import every
from tests.factories import PeriodicTaskFactory, TaskResultFactory
from tests.integration.admin.schedules.pages import (
    ADD,
    BACKFILL,
    LIST,
    PREVIEW,
    SCRIPT,
    change,
    faults,
    written,
)

pytestmark = pytest.mark.django_db

# The list.


def test_the_list_shows_description_schedule_last_run_and_state(admin_client):
    row = PeriodicTaskFactory(
        name="Bills",
        description="For accounting.",
        task_path="shop.tasks.bill",
        nightly=True,
        runs=["successful", "failed"],
    )
    PeriodicTaskFactory(disabled_itself=True, name="Stopped")

    page = admin_client.get(LIST).content.decode()

    for shown in ("Bills", "For accounting.", "bill", "At 03:00 (Europe/Berlin)"):
        assert shown in page
    result = reverse("admin:taskhub_taskresult_change", args=[row.last_result.pk])
    badge = '<span class="taskhub-status taskhub-failed">Failed</span>'
    assert f'<a class="taskhub-to-result" href="{result}">{badge}</a>' in page
    assert '<span class="taskhub-fault">disabled</span>' in page
    assert "Its last 3 runs in a row have failed." in page
    assert re.search(r'title="\w{3} \d+ \w{3} \d{4}, 03:00 CES?T">in [^<]+<', page)


def test_the_bars_of_the_last_runs_are_scaled_to_the_longest_run(admin_client):
    row = PeriodicTaskFactory()
    at = timezone.now() - timedelta(hours=1)
    for seconds, trait in [(1, "failed"), (4, "successful")]:
        result = TaskResultFactory(
            periodic_task=row,
            started_at=at,
            finished_at=at + timedelta(seconds=seconds),
            **{trait: True},
        )
        row.remember(result.pk, result.enqueued_at)
    row.save()

    page = admin_client.get(LIST).content.decode()

    bars = re.findall(r'<rect class="taskhub-(\w+)" x="(\d+)" .*?height="(\d+)">', page)
    assert [(status, height) for status, _x, height in bars] == [
        ("failed", "6"),
        ("successful", "24"),
    ]
    assert (
        'aria-label="Last 2 runs: 1 successful, 1 failed; the longest took 4.0 s"'
        in page
    )


def test_more_rows_need_no_more_queries(admin_client):
    PeriodicTaskFactory.create_batch(5, runs=["successful"] * 3)
    admin_client.get(LIST)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(LIST)
    PeriodicTaskFactory.create_batch(35, runs=["successful"] * 3)

    with CaptureQueriesContext(connection) as many:
        response = admin_client.get(LIST)

    assert len(response.context["cl"].result_list) == 40
    assert len(many) == len(few)
    column = connection.ops.quote_name("errors")
    assert not any(column in query["sql"] for query in many)


@pytest.fixture
def found(admin_client):
    """Return a function that filters the list and returns the names it shows."""

    def found(**query):
        response = admin_client.get(LIST, query)
        assert response.status_code == 200
        return {row.name for row in response.context["cl"].result_list}

    return found


def test_filters(found):
    PeriodicTaskFactory(name="interval", runs=["failed", "successful"])
    PeriodicTaskFactory(name="cron", nightly=True, runs=["successful", "failed"])
    PeriodicTaskFactory(name="once", clocked=True, disabled=True)
    PeriodicTaskFactory(name="sun", solar=True, disabled_itself=True, runs=["ready"])
    PeriodicTaskFactory(name="other", task_path="tests.tasks.send")
    everything = {"interval", "cron", "once", "sun", "other"}

    assert found(state="enabled") == {"interval", "cron", "other"}
    assert found(state="disabled") == {"once", "sun"}
    assert found(state="disabled_itself") == {"sun"}
    assert found(kind="cron") == {"cron"}
    assert found(kind="every") == {"interval", "other"}
    assert found(task="tests.tasks.send") == {"other"}
    assert found(ended="FAILED") == {"cron"}
    assert found(ended="SUCCESSFUL") == {"interval"}
    assert found(ended="unfinished") == {"sun"}
    assert found(state="x", kind="'; DROP", ended="x") == everything


def test_search(found):
    PeriodicTaskFactory(name="Bills", task_path="shop.tasks.invoice")
    PeriodicTaskFactory(name="Mail", description="Greetings to all")

    assert found(q="bill") == {"Bills"}
    assert found(q="invoice") == {"Bills"}
    assert found(q="greetings") == {"Mail"}


def test_html_in_any_field_is_escaped(admin_client):
    row = PeriodicTaskFactory(
        name=SCRIPT,
        description=SCRIPT,
        task_path=f"x.{SCRIPT}",
        args=[SCRIPT],
        disabled_itself=True,
        queue_name=SCRIPT,
    )
    PeriodicTask.objects.update(disabled_reason=SCRIPT)
    declared = PeriodicTaskFactory(from_code=True, name=f"2{SCRIPT}", args=[SCRIPT])
    run = reverse("admin:taskhub_periodictask_do", args=[row.pk, "run"])

    pages = [
        admin_client.get(LIST),
        admin_client.get(change(row)),
        admin_client.get(change(declared)),
        admin_client.post(change(row), written(expression=SCRIPT, task_path=SCRIPT)),
        admin_client.post(run, follow=True),
    ]

    assert all(SCRIPT not in page.content.decode() for page in pages)


# Rows declared in code.


def test_a_row_declared_in_code_can_only_be_enabled_or_disabled(admin_client):
    row = PeriodicTaskFactory(from_code=True, name="Declared")

    page = admin_client.get(change(row)).content.decode()
    admin_client.post(change(row), {"name": "Mine", "expression": "* * * * *"})

    row.refresh_from_db()
    assert (row.name, row.enabled) == ("Declared", False)
    assert row.schedule == every(hours=1)
    assert 'name="name"' not in page
    assert 'name="expression"' not in page
    assert "Every hour" in page
    assert "It is declared in code" in page


def test_a_declared_row_whose_task_is_not_registered_is_not_enabled(admin_client):
    row = PeriodicTaskFactory(from_code=True, disabled=True, task_path="gone.task")

    found = faults(admin_client.post(change(row), {"enabled": "on"}))

    assert "No task 'gone.task' is registered here" in found["enabled"]


def test_a_row_declared_in_code_cannot_be_deleted(admin_client):
    row = PeriodicTaskFactory(from_code=True, name="Declared")
    other = PeriodicTaskFactory()
    delete = reverse("admin:taskhub_periodictask_delete", args=[row.pk])
    chosen = {
        "action": "delete_selected",
        "_selected_action": [row.pk, other.pk],
        "post": "yes",
    }

    response = admin_client.post(LIST, chosen, follow=True)

    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert "deletelink" not in admin_client.get(change(row)).content.decode()
    assert "Declared in code" in response.content.decode()
    assert PeriodicTask.objects.count() == 2
    chosen["_selected_action"] = [other.pk]
    admin_client.post(LIST, chosen)
    assert PeriodicTask.objects.get() == row


# Permissions.


def test_view_permission_shows_the_pages_without_buttons(staff):
    row = PeriodicTaskFactory(nightly=True, runs=["failed"])
    client = staff("view_periodictask")

    page = client.get(change(row)).content.decode()

    assert "At 03:00 (Europe/Berlin)" in page
    assert "taskhub-tool" not in page
    assert 'name="enabled"' not in page
    assert client.post(change(row), written()).status_code == 403
    assert client.get(ADD).status_code == 403
    assert 'name="action"' not in client.get(LIST).content.decode()


def test_without_permissions_every_page_is_forbidden(staff):
    row = PeriodicTaskFactory()
    client = staff()

    for url in (
        LIST,
        change(row),
        PREVIEW,
        f"{BACKFILL}?ids={row.pk}",
    ):
        assert client.get(url).status_code == 403
