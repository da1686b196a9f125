"""Actions on periodic tasks in the admin: buttons, list actions, backfilling."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from taskhub.admin.periodic_tasks.views import backfill
from taskhub.models import Overlap, TaskResult
from taskhub.operations.schedules import actions as operations
from taskhub.schedules import cron, every
from tests.factories import PeriodicTaskFactory, TaskResultFactory
from tests.integration.admin.schedules.pages import (
    BACKFILL,
    LIST,
    break_schedule,
    change,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def config(configure):
    """Use the database broker, whose messages the tests can read."""
    return configure(broker_url="database://")


def click(client, row, name):
    """Press a button of a row's page; return the page that follows."""
    url = reverse("admin:taskhub_periodictask_do", args=[row.pk, name])
    response = client.post(url, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def act(client, rows, name):
    """Run an action of the list; return the page that follows."""
    chosen = {"action": name, "_selected_action": [row.pk for row in rows]}
    return client.post(LIST, chosen, follow=True).content.decode()


def history():
    """Return the entries of the history, oldest first."""
    entries = LogEntry.objects.order_by("pk")
    return [(entry.object_repr, entry.get_change_message()) for entry in entries]


# Buttons and actions.


def test_run_now(admin_client):
    row = PeriodicTaskFactory(name="Bills")

    page = click(admin_client, row, "run")

    result = TaskResult.objects.get()
    assert (result.periodic_task, result.tick_at) == (row, None)
    link = reverse("admin:taskhub_taskresult_change", args=[result.pk])
    assert f'“Bills” was enqueued: <a href="{link}">its result</a>.' in page
    assert history() == [("Bills", f"Run now: result {result.pk}.")]


def test_rows_that_refuse_to_run_do_not_stop_the_others(admin_client):
    busy = PeriodicTaskFactory(name="Busy", overlap=Overlap.SKIP, runs=["running"])
    gone = PeriodicTaskFactory(name="Gone", task_path="gone.task")
    fine = PeriodicTaskFactory(name="Fine")

    page = act(admin_client, [busy, gone, fine], "run_selected")

    assert "An earlier run of Busy has not finished" in page
    assert "No task &#x27;gone.task&#x27; is registered here" in page
    assert "“Fine” was enqueued" in page
    assert [name for name, _message in history()] == ["Fine"]
    assert TaskResult.objects.filter(tick_at=None).get().periodic_task == fine


def test_enable_and_disable(admin_client):
    row = PeriodicTaskFactory(name="Bills", disabled_itself=True)

    assert "“Bills” is enabled." in click(admin_client, row, "enable")
    row.refresh_from_db()
    assert (row.enabled, row.disabled_reason) == (True, "")
    assert row.next_run_at is not None
    assert "“Bills” is already enabled." in act(admin_client, [row], "enable_selected")
    assert "“Bills” is disabled." in act(admin_client, [row], "disable_selected")
    row.refresh_from_db()
    assert not row.enabled
    assert history() == [("Bills", "Enabled."), ("Bills", "Disabled.")]


def test_enabling_a_row_at_its_maximum_of_runs_says_it_is_disabled(admin_client):
    row = PeriodicTaskFactory(name="Bills", disabled=True, max_runs=1)
    row.total_run_count = 1
    row.save()

    page = click(admin_client, row, "enable")

    assert "“Bills” has disabled itself at once. It has run 1 times" in page


def test_a_row_with_an_unreadable_schedule_is_not_enabled(admin_client):
    row = PeriodicTaskFactory(name="Bills", disabled=True)
    break_schedule(row, "nonsense")

    page = act(admin_client, [row], "enable_selected")

    assert "“Bills”: &#x27;nonsense&#x27; is not a schedule" in page
    row.refresh_from_db()
    assert not row.enabled


def test_skip_the_next_run(admin_client):
    row = PeriodicTaskFactory(name="Bills", schedule=cron("0 3 * * *"))
    skipped = row.next_run_at

    page = click(admin_client, row, "skip")

    row.refresh_from_db()
    assert row.next_run_at == skipped + timedelta(days=1)
    assert "“Bills” will skip its run of" in page
    assert f"{skipped:%Y}, 03:00." in history()[0][1]


def test_an_action_reports_a_row_that_was_deleted_meanwhile(admin_client, monkeypatch):
    row = PeriodicTaskFactory(name="Bills")
    lock = operations._locked

    def lock_too_late(found):
        type(found).objects.all().delete()
        return lock(found)

    monkeypatch.setattr(operations, "_locked", lock_too_late)

    assert "“Bills”: " in act(admin_client, [row], "run_selected")


def test_an_action_on_25_rows_shows_20_messages_and_the_total(admin_client):
    rows = PeriodicTaskFactory.create_batch(25)

    page = act(admin_client, rows, "disable_selected")

    assert page.count(" is disabled.") == 20
    assert "25 rows were processed." in page
    assert len(history()) == 25


@pytest.mark.parametrize(
    ("permission", "may", "may_not"),
    [
        ("change_periodictask", ["skip", "disable"], ["run"]),
        ("run_periodictask", ["run"], ["skip", "disable"]),
    ],
)
def test_each_permission_allows_only_its_own_buttons(staff, permission, may, may_not):
    row = PeriodicTaskFactory()
    client = staff("view_periodictask", permission)
    page = client.get(change(row)).content.decode()
    actions = client.get(LIST).content.decode()
    url = "admin:taskhub_periodictask_do"

    for name in may:
        assert f"/do/{name}/" in page
        assert f'value="{name}_selected"' in actions
        assert client.post(reverse(url, args=[row.pk, name])).status_code == 302
    for name in may_not:
        assert f"/do/{name}/" not in page
        assert f'value="{name}_selected"' not in actions
        assert client.post(reverse(url, args=[row.pk, name])).status_code == 403
    assert ("backfill/?ids" in page) is ("run" in may)
    assert client.get(BACKFILL, {"ids": row.pk}).status_code == (
        200 if "run" in may else 403
    )


def test_buttons_accept_only_post_and_known_names(admin_client):
    row = PeriodicTaskFactory()
    url = reverse("admin:taskhub_periodictask_do", args=[row.pk, "run"])

    assert admin_client.get(url).status_code == 405
    unknown = reverse("admin:taskhub_periodictask_do", args=[row.pk, "explode"])
    assert admin_client.post(unknown).status_code == 404
    assert not TaskResult.objects.exists()


# Backfilling.


def dates(row, start="2026-01-01", end="2026-01-10", **more):
    return {
        "ids": str(row.pk),
        "start_0": start,
        "start_1": "00:00",
        "end_0": end,
        "end_1": "00:00",
        **more,
    }


@pytest.fixture
def nightly():
    """Return a nightly periodic task with a result for one of its ticks."""
    row = PeriodicTaskFactory(name="Bills", schedule=cron("0 3 * * *"))
    TaskResultFactory(periodic_task=row, tick_at=datetime(2026, 1, 2, 3, tzinfo=UTC))
    return row


def test_the_backfill_page_first_shows_the_missing_runs(admin_client, nightly):
    page = admin_client.get(BACKFILL, dates(nightly)).content.decode()

    assert "<strong>8 runs</strong>" in page
    assert "<li>Thu 1 Jan 2026, 03:00</li>" in page
    assert "Fri 2 Jan 2026, 03:00" not in page
    assert "<li>Fri 9 Jan 2026, 03:00</li>" in page
    assert 'value="Enqueue 8 runs"' in page
    assert TaskResult.objects.count() == 1


def test_backfilling_enqueues_only_the_missing_runs(admin_client, nightly):
    page = admin_client.post(BACKFILL, dates(nightly), follow=True).content.decode()

    ticks = TaskResult.objects.filter(periodic_task=nightly).values_list("tick_at")
    assert sorted(tick.day for (tick,) in ticks) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert "Enqueued 8 past runs of “Bills” for Thu 1 Jan 2026, 00:00" in page
    assert history()[0][1].startswith("Backfilled 8 runs for Thu 1 Jan 2026, 00:00")

    page = admin_client.post(BACKFILL, dates(nightly), follow=True).content.decode()
    assert "“Bills” has no past runs to backfill." in page
    assert TaskResult.objects.count() == 9


def test_the_number_of_backfilled_runs_is_limited(admin_client, nightly, monkeypatch):
    monkeypatch.setattr(operations, "MAX_BACKFILLED_RUNS", 3)
    monkeypatch.setattr(backfill, "MAX_BACKFILLED_RUNS", 3)

    page = admin_client.get(BACKFILL, dates(nightly)).content.decode()
    admin_client.post(BACKFILL, dates(nightly))

    assert "There are more: at most 3 are enqueued at a time" in page
    assert "<strong>3 runs</strong>" in page
    assert TaskResult.objects.count() == 1 + 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"end": "2025-12-31"}, "The end is before the start."),
        ({"start": "2998-01-01", "end": "2998-01-02"}, "Only past runs"),
        ({"start": "2024-01-01"}, "At most one year"),
        ({"start": "soon"}, "Enter a valid date."),
    ],
)
def test_an_invalid_range_is_refused(admin_client, nightly, changes, said):
    query = dates(nightly, **changes)

    for response in (
        admin_client.get(BACKFILL, query),
        admin_client.post(BACKFILL, query),
    ):
        assert said in response.content.decode()
    assert TaskResult.objects.count() == 1


def test_future_ticks_are_not_backfilled(admin_client):
    row = PeriodicTaskFactory(schedule=every(minutes=10))
    start = timezone.now() - timedelta(hours=1)

    admin_client.post(
        BACKFILL,
        {
            "ids": row.pk,
            "start_0": f"{start:%Y-%m-%d}",
            "start_1": f"{start:%H:%M:%S}",
            "end_0": f"{start + timedelta(days=1):%Y-%m-%d}",
            "end_1": "23:59",
        },
    )

    assert TaskResult.objects.count() in (6, 7)
    assert not TaskResult.objects.filter(tick_at__gt=timezone.now()).exists()


def test_dates_are_in_the_current_time_zone(admin_client, nightly, settings):
    settings.TIME_ZONE = "America/New_York"

    page = admin_client.get(BACKFILL, dates(nightly)).content.decode()

    assert "Times are in America/New_York." in page
    assert "<li>Fri 2 Jan 2026, 22:00</li>" in page


def test_selected_rows_are_backfilled_together(admin_client, nightly):
    other = PeriodicTaskFactory(name="<b>Mail", schedule=cron("0 4 * * *"))
    broken = PeriodicTaskFactory(name="Zero", task_path="gone.task")
    rows = [nightly, other, broken]

    page = act(admin_client, rows, "backfill_selected")
    assert "Backfill past runs" in page
    ids = ",".join(str(row.pk) for row in rows)
    page = admin_client.get(BACKFILL, {**dates(nightly), "ids": ids}).content.decode()
    done = admin_client.post(BACKFILL, {**dates(nightly), "ids": ids}, follow=True)

    assert "<strong>9 runs</strong>" in page
    assert "No task &#x27;gone.task&#x27; is registered here" in page
    assert "<b>" not in page + done.content.decode()
    assert "“Zero”: No task" in done.content.decode()
    assert TaskResult.objects.filter(periodic_task=other).count() == 9


def test_more_than_20_rows_are_not_backfilled(admin_client):
    rows = PeriodicTaskFactory.create_batch(21)

    page = act(admin_client, rows, "backfill_selected")

    assert "At most 20 periodic tasks can be backfilled at a time." in page
    for ids in ("", "x", "0", ",".join(str(row.pk) for row in rows)):
        assert admin_client.get(BACKFILL, {"ids": ids}).status_code == 404
