"""The pages of results and quarantine: contents, queries and permissions."""

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from taskhub.admin import paginator
from taskhub.models import QuarantinedMessage, TaskResult
from taskhub.models.ids import first_id_at
from taskhub.operations.results import search
from tests import tasks
from tests.factories import (
    PeriodicTaskFactory,
    QuarantinedMessageFactory,
    TaskResultFactory,
)

pytestmark = pytest.mark.django_db

LIST = "admin:taskhub_taskresult_changelist"


@pytest.fixture
def results_page(admin_client):
    """Return a function that returns the rows of the list, and the page."""

    def results_page(**query):
        response = admin_client.get(reverse(LIST), query)
        assert response.status_code == 200
        return list(response.context["cl"].result_list), response.content.decode()

    return results_page


def detail(client, row):
    url = reverse("admin:taskhub_taskresult_change", args=[row.pk])
    return client.get(url).content.decode()


# The list.


def test_the_list_shows_the_newest_first_with_status_and_times(results_page):
    old = TaskResultFactory(task_path="shop.tasks.ship", successful=True)
    new = TaskResultFactory(task_path="shop.tasks.bill", failed=True)

    rows, page = results_page()

    assert rows == [new, old]
    assert '<span class="taskhub-status taskhub-failed">Failed</span>' in page
    assert '<span class="taskhub-task">ship</span>' in page
    assert "1.0 s" in page
    assert "2.0 s" in page


def test_filters(results_page, settings):
    wanted = TaskResultFactory(task_path="tests.tasks.send", queue_name="mail")
    TaskResultFactory(task_path="tests.tasks.send", queue_name="other")
    TaskResultFactory(task_path="tests.tasks.add", queue_name="mail")
    TaskResultFactory(
        task_path="tests.tasks.send",
        queue_name="mail",
        id=first_id_at(timezone.now() - timedelta(hours=2)),
    )
    TaskResultFactory(task_path="tests.tasks.send", queue_name="mail", failed=True)

    chosen = {
        "status": "unfinished",
        "task": "tests.tasks.send",
        "queue": "mail",
        "since": "1h",
    }
    rows, page = results_page(**chosen)

    assert rows == [wanted]
    assert "By enqueued" in page


@pytest.mark.parametrize("status", ["READY", "SUCCESSFUL", "FAILED"])
def test_filter_by_status(results_page, status):
    rows = {
        "READY": TaskResultFactory(),
        "SUCCESSFUL": TaskResultFactory(successful=True),
        "FAILED": TaskResultFactory(failed=True),
    }

    assert results_page(status=status)[0] == [rows[status]]


@pytest.mark.parametrize("value", ["nonsense", "'; DROP TABLE", "%00"])
def test_an_unknown_filter_value_shows_all_or_nothing(results_page, value):
    TaskResultFactory()

    for name in ("status", "since"):
        assert len(results_page(**{name: value})[0]) == 1
    for name in ("task", "queue"):
        assert results_page(**{name: value})[0] == []


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("SEND", {"mail"}),
        ("shop.old.ship", {"gone"}),
        ("user_id=42", {"number", "text"}),
        ("user_id=nobody", set()),
        ("nested=1", set()),
        ("contains=1", set()),
        ("Schröder", {"name"}),
        ("snow man", {"name"}),
        ("tests.tasks.add 42", {"number", "text"}),
        ("password=hunter2", set()),
        ("hunter2", set()),
        ("token=hunter2", set()),
        ("name=ada", {"masked"}),
        ("secret", set()),
        ('"no such user"', {"error"}),
        ('"user" VALUEERROR', {"error"}),
        ("ValueError", {"error"}),
        ('"unclosed', set()),
        ('""', set()),
        ("100%", set()),
        ("'", set()),
        ("01a20884-d2d7-725b-9065-ae2acf415cb1", set()),
    ],
)
def test_search(results_page, word, found):
    rows = {
        "mail": TaskResultFactory(task_path="tests.tasks.send", args=[]),
        "gone": TaskResultFactory(task_path="shop.old.ship", args=[]),
        "number": TaskResultFactory(kwargs={"user_id": 42}),
        "text": TaskResultFactory(kwargs={"user_id": "42", "nested": {"a": 1}}),
        "name": TaskResultFactory(args=["Schröder", "a snow\N{SNOWMAN} man"]),
        "masked": TaskResultFactory(
            task_path="tests.tasks.sign_in",
            args=[],
            kwargs={"name": "ada", "password": "hunter2"},
        ),
        "keywords": TaskResultFactory(
            task_path="tests.tasks.connect", args=[], kwargs={"token": "hunter2"}
        ),
        "unknown": TaskResultFactory(
            task_path="shop.old.pay", args=["secret"], kwargs={"name": "ada"}
        ),
        "error": TaskResultFactory(failed=True, args=[]),
    }

    assert set(results_page(q=word)[0]) == {rows[name] for name in found}


def test_search_by_id(results_page):
    wanted, _other = TaskResultFactory.create_batch(2)

    assert results_page(q=str(wanted.pk))[0] == [wanted]
    assert results_page(q=wanted.pk.hex)[0] == [wanted]


@pytest.mark.parametrize(
    "word",
    ["5f0c8a1e-0000-4000-8000-000000000001", "5F0C8A1E000040008000000000000001"],
)
def test_arguments_are_searched_for_a_uuid(results_page, word):
    row = TaskResultFactory(args=["5f0c8a1e-0000-4000-8000-000000000001"])
    TaskResultFactory()

    assert results_page(q=word)[0] == [row]


@pytest.mark.parametrize("word", ["2026-11-23", "day=2026-11-23"])
def test_arguments_are_searched_for_a_date(results_page, word):
    row = TaskResultFactory(args=[], kwargs={"day": "2026-11-23"})
    TaskResultFactory()

    assert results_page(q=word)[0] == [row]


def test_arguments_are_searched_in_the_newest_rows(results_page, monkeypatch):
    monkeypatch.setattr(search, "MAX_TEXT_ROWS", 2)
    monkeypatch.setattr(search, "MAX_KEYWORD_ROWS", 3)
    rows = [TaskResultFactory(args=["needle"], kwargs={"a": 1}) for _ in range(4)]

    assert results_page(q="needle")[0] == rows[:1:-1]
    assert results_page(q="a=1")[0] == rows[:0:-1]
    assert results_page(q="a=1 needle")[0] == rows[:1:-1]


def test_the_list_needs_few_queries_for_many_rows(
    admin_client, django_assert_max_num_queries, monkeypatch
):
    """The list needs no query for each row, and does not count the whole table."""
    monkeypatch.setattr(paginator, "MAX_ROWS", 100)
    TaskResultFactory.create_batch(150, successful=True)

    with django_assert_max_num_queries(6) as captured:
        response = admin_client.get(reverse(LIST))

    assert "more than 100" in response.content.decode()
    assert len(response.context["cl"].result_list) == 50
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"].upper()]
    assert all("LIMIT 101" in sql for sql in counts)
    # Return values may be large, and the list does not show them.
    selects = [query["sql"] for query in captured if "task_path" in query["sql"]]
    column = connection.ops.quote_name("return_value")
    assert selects
    assert not any(column in sql for sql in selects)


def test_the_last_counted_page_can_be_opened(results_page, monkeypatch):
    monkeypatch.setattr(paginator, "MAX_ROWS", 100)
    TaskResultFactory.create_batch(150)

    assert len(results_page(p=2)[0]) == 50


# One result.


def test_the_page_of_a_failure_shows_its_traceback(admin_client):
    row = TaskResultFactory(failed=True, kwargs={"user": "Zoë"}, meta={"order": 7})

    page = detail(admin_client, row)

    assert "builtins.ValueError" in page
    assert "Traceback …\nValueError: no such user" in page
    assert "&quot;user&quot;: &quot;Zoë&quot;" in page
    assert "&quot;order&quot;: 7" in page
    assert "worker-1" in page


def test_the_page_of_a_success_shows_its_value_and_storage_notes(admin_client):
    row = TaskResultFactory(
        successful=True,
        return_value={"total": 3},
        storage_notes={"escaped": "return value['a']", "truncated": "It is big."},
        progress={"done": 3, "total": 10, "message": "rows"},
    )

    page = detail(admin_client, row)

    assert "&quot;total&quot;: 3" in page
    assert "Escaped: return value[&#x27;a&#x27;]. It is big." in page
    assert "3 of 10 rows" in page


def test_times_are_in_order_with_the_durations_between_them(admin_client):
    row = TaskResultFactory(successful=True)

    page = detail(admin_client, row)

    order = [page.index(f'row">{name}') for name in ("Enqueued", "Started", "Finished")]
    assert order == sorted(order)
    assert "+ 1.0 s" in page
    assert "+ 2.0 s" in page


def test_html_in_any_field_is_escaped(admin_client):
    script = "<script>alert(1)</script>"
    row = TaskResultFactory(
        failed=True,
        task_path=f"x.{script}",
        args=[script],
        errors=[
            {"message": script, "traceback": script, "exception_class_path": script}
        ],
        progress={"done": script, "total": None, "message": script},
        worker_ids=[script],
        meta={script: script},
    )

    pages = [
        detail(admin_client, row),
        admin_client.get(reverse(LIST)).content.decode(),
    ]

    assert all(script not in page for page in pages)


def test_a_row_with_an_empty_error_can_be_viewed(admin_client):
    row = TaskResultFactory(errors=[{}], args=[])

    assert "Ready" in detail(admin_client, row)


# The periodic task of a result.


def test_a_result_links_to_its_periodic_task(admin_client):
    row = PeriodicTaskFactory(name="Nightly <b>", runs=["successful"])
    by_hand = TaskResultFactory(periodic_task=row)
    url = reverse("admin:taskhub_periodictask_change", args=[row.pk])

    page = detail(admin_client, row.last_result)

    assert f'<a href="{url}">Nightly &lt;b&gt;</a>' in page
    assert "Scheduled for" in page
    assert "it was started by hand" in detail(admin_client, by_hand)
    assert "Scheduled for" not in detail(admin_client, TaskResultFactory())


def test_filter_by_periodic_task(results_page):
    row, other = PeriodicTaskFactory.create_batch(2, runs=["successful", "failed"])

    rows, page = results_page(periodic_task__id__exact=row.pk)

    assert {result.periodic_task_id for result in rows} == {row.pk}
    assert "By periodic task" in page
    assert row.name in page
    assert other.name not in page
    assert "By periodic task" not in results_page()[1]


# Permissions.


def test_results_are_read_only(admin_client):
    row = TaskResultFactory()
    url = reverse("admin:taskhub_taskresult_change", args=[row.pk])

    assert admin_client.get(reverse("admin:taskhub_taskresult_add")).status_code == 403
    assert admin_client.post(url, {"status": "FAILED"}).status_code == 403
    row.refresh_from_db()
    assert row.status == "READY"


def test_view_permission_does_not_allow_deleting(staff):
    client = staff("view_taskresult")
    row = TaskResultFactory()
    delete = reverse("admin:taskhub_taskresult_delete", args=[row.pk])

    page = client.get(reverse(LIST)).content.decode()

    assert "delete_selected" not in page
    assert "deletelink" not in detail(client, row)
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert TaskResult.objects.exists()


def test_without_permissions_every_page_is_forbidden(staff):
    client = staff()
    row = TaskResultFactory()

    assert client.get(reverse(LIST)).status_code == 403
    url = reverse("admin:taskhub_taskresult_change", args=[row.pk])
    assert client.get(url).status_code == 403


# Deleting.


@pytest.mark.django_db(transaction=True)
def test_deleting_a_waiting_result_says_that_it_will_not_run(config, admin_client):
    result = tasks.add.enqueue(1)
    url = reverse("admin:taskhub_taskresult_delete", args=[result.id])

    response = admin_client.post(url, {"post": "yes"}, follow=True)

    assert not TaskResult.objects.exists()
    assert "The waiting task will not run." in response.content.decode()


# Quarantine.


def test_a_quarantined_message_can_be_viewed_and_deleted(admin_client):
    message = QuarantinedMessageFactory(body=b"\x01<b>\xff" + b"x" * 5_000)
    url = reverse("admin:taskhub_quarantinedmessage_changelist")
    one = reverse("admin:taskhub_quarantinedmessage_change", args=[message.pk])

    assert message.message_id in admin_client.get(url).content.decode()
    page = admin_client.get(one).content.decode()
    assert "Its signature does not verify." in page
    assert "5,005 bytes, SHA-256" in page
    assert admin_client.post(one, {"reason": "none"}).status_code == 403

    delete = reverse("admin:taskhub_quarantinedmessage_delete", args=[message.pk])
    admin_client.post(delete, {"post": "yes"})
    assert not QuarantinedMessage.objects.exists()
