"""The page of one result: its contents, masked arguments, buttons, permissions."""

from datetime import timedelta

import pytest
from django.test import Client

from taskhub.brokers import get_broker
from taskhub.messages import Depth
from taskhub.models import Status, TaskLog, TaskResult
from taskhub.models.results.outcome import CANCELLED_CLASS_PATH
from taskhub.tasks.masking import MASK
from tests import tasks
from tests.factories import PeriodicTaskFactory, TaskResultFactory, now
from tests.integration.admin.results.pages import (
    SCRIPT,
    change,
    do,
    history,
    live,
    spans,
    text_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(admin_client):
    """Return a function that returns the page of a result."""
    return lambda row: text_of(admin_client.get(change(row)))


def failure(attempt, failed_at, started_at=None, **entry):
    """Return an entry of a row's errors."""
    return {
        "attempt": attempt,
        "failed_at": failed_at.isoformat(),
        "exception_class_path": "builtins.OSError",
        "message": "no route",
        "traceback": "",
        **({"started_at": started_at.isoformat()} if started_at else {}),
        **entry,
    }


# Masked arguments.


def test_masked_arguments_are_not_shown(page):
    row = TaskResultFactory(
        task_path="tests.tasks.sign_in", args=["ada"], kwargs={"password": "hunter2"}
    )

    assert "hunter2" not in page(row)
    assert MASK in page(row)
    assert "ada" in page(row)


def test_arguments_of_an_unregistered_task_are_not_shown(page):
    row = TaskResultFactory(task_path="shop.old.ship", args=["hunter2"])

    assert "hunter2" not in page(row)


def test_masked_arguments_of_a_schedule_are_not_shown(staff):
    client = staff("view_periodictask")
    row = PeriodicTaskFactory(
        task_path="tests.tasks.sign_in", args=["ada", "hunter2"], kwargs={}
    )
    url = f"/admin/taskhub/periodictask/{row.pk}/change/"

    assert "hunter2" not in text_of(client.get(url))


# Timeline, errors and log.


def test_the_timeline_shows_each_attempt(page):
    start = now() - timedelta(minutes=10)
    at = [start + timedelta(seconds=second) for second in range(8)]
    row = TaskResultFactory(
        status=Status.SUCCESSFUL,
        enqueued_at=at[0],
        run_after=at[1],
        started_at=at[2],
        last_attempted_at=at[5],
        finished_at=at[6],
        attempts=2,
        errors=[failure(1, at[3], at[2])],
    )

    assert spans(page(row)) == [
        "Scheduled",
        "Waited for a worker",
        "Attempt 1: OSError",
        "Waited to be retried",
        "Attempt 2 was successful",
    ]
    assert page(row).count('<svg class="taskhub-bar"') == 5


def test_a_result_cancelled_while_waiting_shows_no_attempt(page):
    row = TaskResultFactory(
        status=Status.CANCELLED,
        enqueued_at=now() - timedelta(seconds=9),
        errors=[failure(0, now(), exception_class_path=CANCELLED_CLASS_PATH)],
        finished_at=now(),
    )

    assert spans(page(row)) == ["Waited for a worker"]


def test_the_timeline_shows_the_time_before_a_manual_retry(page):
    start = now() - timedelta(minutes=10)
    at = [start + timedelta(seconds=second) for second in range(8)]
    row = TaskResultFactory(
        status=Status.RUNNING,
        enqueued_at=at[0],
        started_at=at[1],
        last_attempted_at=at[5],
        attempts=2,
        errors=[failure(1, at[2], at[1], before_retry=True)],
    )

    assert spans(page(row)) == [
        "Waited for a worker",
        "Attempt 1: OSError",
        "Failed, until retried",
        "Attempt 2 is running",
    ]
    assert "so far" in page(row)


@pytest.mark.parametrize("wrong", ["soon", "2026-99-99T00:00:00Z", 7, None])
def test_invalid_times_in_an_error_are_tolerated(page, wrong):
    row = TaskResultFactory(
        failed=True, errors=[{"attempt": 1, "failed_at": wrong, "started_at": wrong}]
    )

    assert "Attempt 1" in page(row)


def test_traceback_frames_of_the_project_are_marked(page):
    traceback = """Traceback (most recent call last):
  File "/srv/venv/lib/python3.13/site-packages/requests/api.py", line 7, in get
    return request()
  File "/srv/shop/tasks.py", line 3, in charge
    send(order)
    ~~~~^^^^^^^
OSError: no <route>
"""
    row = TaskResultFactory(
        failed=True, errors=[failure(1, now(), traceback=traceback)]
    )

    own = page(row).partition('<mark class="taskhub-own">')[2].partition("</mark>")[0]

    assert own.splitlines()[0] == (
        "  File &quot;/srv/shop/tasks.py&quot;, line 3, in charge"
    )
    assert "~~~~^^^^^^^" in own
    assert "OSError" not in own
    assert page(row).count("<mark") == 1


def test_the_log_is_shown_by_attempt(page):
    row = TaskResultFactory(running=True)
    said = "2026-01-01T10:00:00+00:00"
    for attempt, level in [(1, "WARNING"), (1, "INFO"), (2, "ERROR")]:
        TaskLog.objects.create(
            result_id=row.pk,
            attempt=attempt,
            lines=[[said, level, "shop", f"{SCRIPT} {level} {attempt}"]],
        )

    shown = page(row)

    assert SCRIPT not in shown
    assert shown.index("WARNING 1") < shown.index("INFO 1") < shown.index("ERROR 2")
    assert shown.count('<section class="taskhub-log"') == 2
    assert '<li class="taskhub-level-error"><time>10:00:00</time>' in shown


def test_parents_and_children_link_to_each_other(page):
    parent = TaskResultFactory(successful=True)
    child = TaskResultFactory(parent_id=parent.pk, task_path="tests.tasks.send")

    assert change(child) in page(parent)
    assert change(parent) in page(child)
    assert f"?parent={parent.pk}" in page(parent)
    assert "Enqueued by it" not in page(child)


def test_the_replaced_result_is_linked_and_metadata_is_escaped(page):
    old = TaskResultFactory()
    row = TaskResultFactory(meta={"enqueued_by": SCRIPT, "instead_of": str(old.pk)})
    odd = TaskResultFactory(meta={"instead_of": SCRIPT})

    assert change(old) in page(row)
    assert SCRIPT not in page(row) + page(odd)


def test_many_children_logs_and_errors_need_few_queries(
    admin_client, django_assert_max_num_queries
):
    row = TaskResultFactory(failed=True)
    for number in range(30):
        TaskResultFactory(parent_id=row.pk)
        TaskLog.objects.create(result_id=row.pk, attempt=1, lines=[["", "", "", "x"]])
        row.errors.append(failure(number, now()))
    row.save()

    # Two of the queries load the session and the user.
    with django_assert_max_num_queries(7):
        admin_client.get(change(row))


# Waiting and running results.


@pytest.mark.parametrize(
    ("due_in", "attempts", "label"),
    [
        (None, 0, "Ready"),
        (timedelta(hours=-1), 0, "Ready"),
        (timedelta(hours=1), 0, "Scheduled"),
        (timedelta(hours=1), 1, "Retrying"),
        (None, 1, "Retrying"),
    ],
)
def test_the_label_of_a_ready_result_says_why_it_waits(
    admin_client, page, due_in, attempts, label
):
    row = TaskResultFactory(
        attempts=attempts, run_after=None if due_in is None else now() + due_in
    )

    shown = f'<span class="taskhub-status taskhub-ready">{label}</span>'
    assert shown in page(row)
    assert shown in text_of(admin_client.get("/admin/taskhub/taskresult/"))
    assert admin_client.get(live(row)).json()["label"] == label


def test_the_live_view_returns_the_progress(
    admin_client, django_assert_max_num_queries
):
    row = TaskResultFactory(
        running=True, progress={"done": 1200, "total": 4800, "message": "rows"}
    )

    with django_assert_max_num_queries(4) as captured:
        answer = admin_client.get(live(row)).json()
    # Pages poll the view every second, and arguments may be large.
    assert not any("kwargs" in query["sql"] for query in captured)

    assert answer == {
        "status": "RUNNING",
        "label": "Running",
        "is_over": False,
        "percent": 25,
        "text": "1,200 of 4,800 rows",
        "state": "RUNNING-1-0-0",
    }
    assert 'data-over="no"' in text_of(admin_client.get(change(row)))


@pytest.mark.parametrize(
    ("said", "percent", "text"),
    [
        (None, None, ""),
        ({"done": 3, "total": None, "message": "rows"}, None, "3 rows"),
        ({"done": "x", "total": [], "message": None}, None, ""),
        ({"done": 9, "total": 3}, 100, "9 of 3"),
        ({"done": 1, "total": 0}, None, "1 of 0"),
        ("odd", None, ""),
    ],
)
def test_the_live_view_accepts_any_progress_value(admin_client, said, percent, text):
    answer = admin_client.get(live(TaskResultFactory(running=True, progress=said)))

    assert (answer.json()["percent"], answer.json()["text"]) == (percent, text)


def test_a_finished_result_is_over_and_shows_no_progress(admin_client):
    row = TaskResultFactory(failed=True)

    assert admin_client.get(live(row)).json()["is_over"]
    assert "taskhub-progress" not in text_of(admin_client.get(change(row)))


# Buttons.


@pytest.mark.django_db(transaction=True)
def test_a_failed_result_is_retried(config, admin_client):
    row = TaskResultFactory(failed=True)

    page = text_of(admin_client.post(do(row, "retry"), follow=True))

    assert "The task will be retried." in page
    assert TaskResult.objects.get().status == Status.READY
    assert get_broker(config).depth("default") == Depth(ready=1)
    assert history() == [("admin", "Retried.")]


@pytest.mark.django_db(transaction=True)
def test_a_waiting_result_is_cancelled(config, admin_client):
    row = tasks.add.enqueue(1).row

    page = text_of(admin_client.post(do(row, "cancel"), follow=True))

    assert "Cancelled; the task will not run." in page
    assert get_broker(config).depth("default") == Depth()
    row.refresh_from_db()
    assert row.errors[-1]["message"] == "It was cancelled by admin."
    assert history() == [("admin", "Cancelled.")]


@pytest.mark.parametrize("name", ["cancel", "cancel-by-force"])
def test_a_running_result_is_cancelled(config, admin_client, name):
    row = TaskResultFactory(running=True)

    admin_client.post(do(row, name))

    row.refresh_from_db()
    assert row.status == Status.CANCELLED
    assert row.errors[-1]["by_force"] is (name == "cancel-by-force")
    assert len(history()) == 1


@pytest.mark.parametrize(
    ("trait", "names"),
    [
        ({}, {"cancel"}),
        ({"running": True}, {"cancel", "cancel-by-force"}),
        ({"failed": True}, {"retry"}),
        ({"successful": True}, {"retry"}),
    ],
)
def test_the_buttons_depend_on_the_status(page, trait, names):
    row = TaskResultFactory(**trait)

    offered = {
        name
        for name in ("retry", "cancel", "cancel-by-force")
        if do(row, name) in page(row)
    }

    assert offered == names


def test_a_button_that_no_longer_applies_changes_nothing(config, admin_client):
    finished, waiting = TaskResultFactory(failed=True), TaskResultFactory()

    late = text_of(admin_client.post(do(finished, "cancel"), follow=True))
    early = text_of(admin_client.post(do(waiting, "retry"), follow=True))

    assert "The result had already finished." in late
    assert "The result is not finished." in early
    assert history() == []


# Permissions.

ALLOWED = {
    "retry": "retry_taskresult",
    "cancel": "cancel_taskresult",
    "cancel-by-force": "cancel_taskresult",
}


@pytest.mark.parametrize("name", ALLOWED)
def test_each_button_requires_its_permission(config, staff, name):
    others = {*ALLOWED.values()} - {ALLOWED[name]}
    client = staff("view_taskresult", *others)
    rows = [TaskResultFactory(running=True), TaskResultFactory(failed=True)]

    for row in rows:
        assert f'"{do(row, name)}"' not in text_of(client.get(change(row)))
        assert client.post(do(row, name)).status_code == 403
    assert {row.status for row in TaskResult.objects.all()} == {"RUNNING", "FAILED"}


def test_buttons_and_live_view_require_view_permission(staff):
    client = staff(*ALLOWED.values())
    row = TaskResultFactory(failed=True)

    assert client.post(do(row, "retry")).status_code == 403
    assert client.get(live(row)).status_code == 403


def test_buttons_require_post_and_a_csrf_token(admin_client, admin_user):
    row = TaskResultFactory(failed=True)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)

    assert admin_client.get(do(row, "retry")).status_code == 405
    assert strict.post(do(row, "retry")).status_code == 403
    assert admin_client.post(do(row, "explode")).status_code == 404
