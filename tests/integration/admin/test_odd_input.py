"""Odd addresses and form values: no response is a server error."""

import json

import pytest
from django.template import Context, Template
from django.urls import reverse

from taskhub import operations
from taskhub.models import BulkAction, TaskResult
from taskhub.operations.results import Selection
from taskhub.operations.results.progress import describe_progress
from tests.factories import (
    NodeFactory,
    PeriodicTaskFactory,
    QuarantinedMessageFactory,
    TaskResultFactory,
)
from tests.integration.admin.schedules.pages import written

pytestmark = pytest.mark.django_db

VALUES = [
    "a\0b",
    "9" * 30,
    "9" * 5_000,
    "-1",
    "\N{ARABIC-INDIC DIGIT THREE}",
    "NaN",
    "[" * 3_000,
    "'\"%_\\",
]
BASE = "/admin/taskhub"
#: Pages, and the parameters of their query strings.
ASKED = {
    "taskresult/": (
        "status task queue since periodic_task__id__exact cause parent q p o all e "
        "per_second _to_field _popup"
    ),
    "taskresult/failures/": "since task queue q cause parent status",
    "taskresult/bulk/retry/": "per_second q cause parent periodic_task__id__exact o",
    "taskresult/enqueue/": "task",
    "periodictask/": "state ended kind task q p o",
    "periodictask/add/": "name args enabled start_at at kind",
    "periodictask/backfill/": "ids start_0 end_1",
    "periodictask/preview/": (
        "row browser_zone kind expression tz count unit at_0 at_1 latitude start_at_0 "
        "max_runs"
    ),
    "node/": "p o q",
    "node/do/stop/": "name",
    "quarantinedmessage/": "q p o",
    "bulkaction/": "p o q",
    "queuestate/": "p q",
    "taskmetrics/": "range",
    "taskmetrics/live/": "range",
}


@pytest.fixture
def rows(db):
    """Create a row of each model; return the rows by the names of their models."""
    found = {
        "taskresult": TaskResultFactory(failed=True),
        "periodictask": PeriodicTaskFactory(),
        "node": NodeFactory(),
        "quarantinedmessage": QuarantinedMessageFactory(),
    }
    found["bulkaction"] = operations.results.start_bulk("retry", Selection())
    return found


@pytest.mark.parametrize("page", ASKED)
def test_odd_query_strings_cause_no_server_error(admin_client, rows, page):
    for name in ASKED[page].split():
        for value in VALUES:
            answer = admin_client.get(f"{BASE}/{page}", {name: value})
            assert answer.status_code < 500, (name, value)


@pytest.mark.parametrize(
    "page",
    ["{}/change/", "{}/delete/", "{}/history/", "{}/live/", "{}/do/retry/", "{}/"],
)
def test_odd_keys_cause_no_server_error(admin_client, rows, page):
    for model in rows:
        for value in ("9" * 30, "9" * 5_000, "a%00b", "-1", "_5F_00", "\N{SNOWMAN}"):
            url = f"{BASE}/{model}/{page.format(value)}"
            assert admin_client.get(url).status_code < 500, url
            assert admin_client.post(url).status_code < 500, url


def test_odd_actions_and_selected_keys_cause_no_server_error(admin_client, rows):
    actions = {
        "taskresult": ["retry_selected", "cancel_selected", "delete_selected"],
        "periodictask": ["run_selected", "backfill_selected", "delete_selected"],
        "node": ["stop_selected", "resume_selected"],
        "quarantinedmessage": ["push_selected", "delete_selected"],
    }
    for model, names in actions.items():
        for action in (*names, "\0", "no such"):
            for value in VALUES:
                chosen = {"action": action, "_selected_action": [value]}
                answer = admin_client.post(f"{BASE}/{model}/", chosen)
                assert answer.status_code < 500, (model, action, value)


@pytest.mark.parametrize("kind", ["retry", "cancel", "delete"])
def test_odd_selections_cause_no_server_error(admin_client, rows, kind):
    odd = [
        "",
        "null",
        "[]",
        "7",
        '{"ids": 7}',
        '{"ids": ["x"]}',
        '{"periodic_task": 1e400}',
        f'{{"periodic_task": {"9" * 30}}}',
        f'{{"periodic_task": {"9" * 5_000}}}',
        "[" * 100_000,
        '{"task_path": "\\u0000"}',
        '{"cause": "\\ud800"}',
        '{"search": "\\u0000"}',
        '{"cause_in_words": "\\u0000"}',
        '{"enqueued_from": "0001-01-01T00:00:00+14:00"}',
        '{"enqueued_before": "9999-12-31T23:59:59-14:00"}',
        '{"enqueued_before": "2026-01-01T00:00:00"}',
        '{"parent": "x"}',
    ]
    for text in odd:
        for extra in ({}, {"per_second": "1e-300"}, {"per_second": "NaN"}):
            answer = admin_client.post(
                f"{BASE}/taskresult/bulk/{kind}/", {"selection": text, **extra}
            )
            assert answer.status_code < 500, text


@pytest.mark.parametrize("name", list(written()))
def test_odd_values_in_the_schedule_form_cause_no_server_error(admin_client, name):
    for value in VALUES:
        answer = admin_client.post(
            f"{BASE}/periodictask/add/", written(**{"name": "Odd", name: value})
        )
        assert answer.status_code < 500, value


FORMS = {
    "taskresult/enqueue/?task=tests.tasks.order": (
        "arg_number arg_card arg_weight arg_boxes arg_labels arg_extra arg_speed "
        "queue_name priority run_after_0 run_after_1"
    ),
    "periodictask/backfill/": "ids start_0 start_1 end_0",
    "node/do/resize/?name={node}": "processes reason",
    "queuestate/do/pause/default/mail/": "reason",
    "queuestate/do/move/default/mail/": "target task reason",
    "queuestate/do/purge/default/mail/": "name reason",
    "queuestate/do/pause/a%00b/c%00d/": "reason",
}


@pytest.mark.parametrize(
    ("page", "name"),
    [(page, name) for page, names in FORMS.items() for name in names.split()],
)
def test_odd_values_in_other_forms_cause_no_server_error(
    admin_client, rows, page, name
):
    for value in VALUES:
        address = f"{BASE}/{page.format(node=rows['node'].pk)}"
        assert admin_client.post(address, {name: value}).status_code < 500, value


# Progress.


@pytest.mark.parametrize(
    ("done", "total", "percent"),
    [
        (1e308, 1, None),
        (1, 1e308, None),
        (1e14, 1, 100),
        (10**400, 10**400, None),
        (-1e300, 7, None),
        (1, 3, 33),
        (5, 4, 100),
        (-5, 4, 0),
        (7, None, None),
        ("x", [], None),
        (True, 2, 50),
    ],
)
def test_odd_progress_is_shown_on_every_page(admin_client, done, total, percent):
    said = {"done": done, "total": total, "message": "rows"}
    row = TaskResultFactory(running=True, progress=said)

    told = describe_progress(row)
    page = Template("{% load taskhub %}{% task_progress row %}").render(
        Context({"row": row})
    )

    assert told["percent"] == percent
    assert "rows" in page
    for name in ("change", "live"):
        url = reverse(f"admin:taskhub_taskresult_{name}", args=[row.pk])
        assert admin_client.get(url).status_code == 200


def test_an_odd_bulk_action_is_shown(admin_client):
    action = BulkAction.objects.create(
        kind="retry", selection=json.loads('{"ids": 7}'), done=2**31 - 1, expected=1
    )

    answer = admin_client.get(f"{BASE}/bulkaction/{action.pk}/change/")

    assert answer.status_code == 200
    assert not TaskResult.objects.exists()
