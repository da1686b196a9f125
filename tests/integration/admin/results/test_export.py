"""Filters that are kept under a name, and all that match one as a file."""

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
from tests.factories import TaskResultFactory
from tests.integration.admin.results.pages import LIST, SCRIPT, history, text_of

pytestmark = pytest.mark.django_db


def export_url(kind):
    return reverse("admin:taskhub_taskresult_export", args=[kind])


def sent(response):
    """What a file has in it."""
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


# Files.


def test_all_that_match_are_sent_as_csv(admin_client):
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
    # No spreadsheet is to take it for a formula.
    assert line["message"] == "'=1+1 ä"
    assert line["ran_seconds"] == "2.0"
    assert "hunter2" not in text
    assert history() == [("admin", "Exported as CSV (Status: FAILED).")]


def test_all_that_match_are_sent_as_json(admin_client):
    rows = [TaskResultFactory(args=[number, SCRIPT]) for number in range(3)]

    found = json.loads(sent(admin_client.post(export_url("json"))))

    assert [each["args"][0] for each in found] == [0, 1, 2]
    assert [each["id"] for each in found] == [str(row.pk) for row in rows]
    assert tuple(found[0]) == COLUMNS


def test_nothing_is_an_empty_file(admin_client):
    assert json.loads(sent(admin_client.post(export_url("json")))) == []
    assert sent(admin_client.post(export_url("csv"))).count("\n") == 1


def test_few_are_in_memory_at_a_time(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(exports, "MAX_ROWS_IN_MEMORY", 4)
    TaskResultFactory.create_batch(10)

    # Two that look for ids, and one for each few of these.
    with django_assert_num_queries(5):
        rows = list(export(Selection()))

    assert len({row["id"] for row in rows}) == 10


def test_what_no_selection_can_mean_is_not_sent(admin_client):
    assert admin_client.post(f"{export_url('csv')}?since=ages").status_code == 302
    assert admin_client.post(export_url("xls")).status_code == 404


def test_exporting_takes_a_permission_and_a_token(staff, admin_user):
    client = staff("view_taskresult", "retry_taskresult", "delete_taskresult")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)

    for kind in ("csv", "json"):
        assert export_url(kind) not in text_of(client.get(LIST))
        assert client.post(export_url(kind)).status_code == 403
        assert client.get(export_url(kind)).status_code == 405
        assert strict.post(export_url(kind)).status_code == 403


def test_who_may_export_may(staff):
    client = staff("view_taskresult", "export_taskresult")

    assert f'action="{export_url("csv")}?queue=mail"' in text_of(
        client.get(f"{LIST}?queue=mail&p=0")
    )
    assert client.post(export_url("csv")).status_code == 200


def test_the_list_costs_the_same_with_actions(
    admin_client, django_assert_max_num_queries
):
    TaskResultFactory.create_batch(60, failed=True)
    operations.results.start_bulk("retry", Selection())

    with django_assert_max_num_queries(7):
        admin_client.get(f"{LIST}?status=FAILED")


@pytest.mark.django_db(transaction=True)
@pytest.mark.any_database
def test_under_asgi_a_file_is_sent_piece_by_piece(admin_user):
    """A sync iterator would be read into memory first: all of it."""
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
