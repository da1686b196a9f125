"""Exporting the results that match the filters as CSV or JSON."""

import csv
import io
import json

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.urls import reverse

from taskhub import operations
from taskhub.operations.results import Selection, exports
from taskhub.operations.results.exports import COLUMNS, export
from taskhub.tasks.masking import MASK
from tests.factories import TaskResultFactory, now
from tests.integration.admin.results.pages import LIST, SCRIPT, history, text_of

pytestmark = pytest.mark.django_db


def export_url(kind):
    return reverse("admin:taskhub_taskresult_export", args=[kind])


def sent(response):
    """Return the content of an exported file."""
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


def test_matching_results_are_exported_as_csv(admin_client):
    row = TaskResultFactory(
        failed=True,
        task_path="tests.tasks.sign_in",
        args=["ada"],
        kwargs={"password": "hunter2"},
        errors=[{"exception_class_path": "ValueError", "message": "=1+1 ä"}],
    )
    TaskResultFactory()

    response = admin_client.post(f"{export_url('csv')}?status=FAILED")
    text = sent(response)

    assert 'filename="results-' in response["Content-Disposition"]
    (line,) = csv.DictReader(io.StringIO(text))
    assert line["id"] == str(row.pk)
    assert json.loads(line["args"]) == ["ada"]
    assert json.loads(line["kwargs"]) == {"password": MASK}
    # The apostrophe keeps spreadsheets from reading it as a formula.
    assert line["message"] == "'=1+1 ä"
    assert line["ran_seconds"] == "2.0"
    assert "hunter2" not in text
    assert history() == [("admin", "Exported as CSV (Status: FAILED).")]


def test_all_results_are_exported_as_json(admin_client):
    rows = [TaskResultFactory(args=[number, SCRIPT]) for number in range(3)]

    found = json.loads(sent(admin_client.post(export_url("json"))))

    assert [each["args"][0] for each in found] == [0, 1, 2]
    assert [each["id"] for each in found] == [str(row.pk) for row in rows]
    assert tuple(found[0]) == COLUMNS


def test_a_result_that_did_not_wait_has_waited_for_zero_seconds(admin_client):
    started = now()
    TaskResultFactory(running=True, enqueued_at=started, run_after=started)

    (found,) = json.loads(sent(admin_client.post(export_url("json"))))

    assert (found["waited_seconds"], found["ran_seconds"]) == (0.0, None)


def test_an_export_without_results_is_empty(admin_client):
    assert json.loads(sent(admin_client.post(export_url("json")))) == []
    assert sent(admin_client.post(export_url("csv"))).count("\n") == 1


def test_an_export_loads_few_rows_at_a_time(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(exports, "MAX_ROWS_IN_MEMORY", 4)
    TaskResultFactory.create_batch(10)

    # Two queries look for ids, and one loads each batch of rows.
    with django_assert_num_queries(5):
        rows = list(export(Selection()))

    assert len({row["id"] for row in rows}) == 10


def test_an_invalid_filter_or_format_is_not_exported(admin_client):
    assert admin_client.post(f"{export_url('csv')}?since=ages").status_code == 302
    assert admin_client.post(export_url("xls")).status_code == 404


def test_exporting_requires_a_permission_post_and_a_csrf_token(staff, admin_user):
    client = staff("view_taskresult", "retry_taskresult", "delete_taskresult")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)

    for kind in ("csv", "json"):
        assert export_url(kind) not in text_of(client.get(LIST))
        assert client.post(export_url(kind)).status_code == 403
        assert client.get(export_url(kind)).status_code == 405
        assert strict.post(export_url(kind)).status_code == 403


def test_export_permission_allows_exporting(staff):
    client = staff("view_taskresult", "export_taskresult")

    assert f'action="{export_url("csv")}?queue=mail"' in text_of(
        client.get(f"{LIST}?queue=mail&p=0")
    )
    assert client.post(export_url("csv")).status_code == 200


def test_the_list_needs_few_queries_with_bulk_actions(
    admin_client, django_assert_max_num_queries
):
    TaskResultFactory.create_batch(60, failed=True)
    operations.results.start_bulk("retry", Selection())

    with django_assert_max_num_queries(7):
        admin_client.get(f"{LIST}?status=FAILED")


@pytest.mark.django_db(transaction=True)
@pytest.mark.any_database
def test_under_asgi_a_file_is_sent_in_pieces(admin_user):
    """Django would read the whole of a sync iterator into memory first."""
    TaskResultFactory.create_batch(30, args=["x" * 10_000])
    client = AsyncClient()

    async def read():
        response = await client.post(export_url("json"))
        assert response.is_async
        return [piece async for piece in response]

    client.force_login(admin_user)
    pieces = async_to_sync(read)()

    assert 3 < len(pieces) < 10
    assert len(json.loads(b"".join(pieces))) == 30
