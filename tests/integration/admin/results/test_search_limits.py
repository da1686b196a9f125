"""Limits on the database work that a query string or a form can cause."""

import json

import pytest
from django.db import connection
from django.urls import reverse

from taskhub.exceptions import InvalidOption
from taskhub.models import BulkAction
from taskhub.operations.results import Selection, time_limit
from taskhub.operations.results.search import MAX_CHARACTERS, MAX_WORDS
from tests.factories import (
    PeriodicTaskFactory,
    QuarantinedMessageFactory,
    TaskResultFactory,
)
from tests.integration.admin.results.pages import LIST, text_of

pytestmark = pytest.mark.django_db

FAILURES = reverse("admin:taskhub_taskresult_failures")
LISTS = [
    reverse(f"admin:taskhub_{model}_changelist")
    for model in ("taskresult", "periodictask", "quarantinedmessage")
]
SEARCHED = [*LISTS, FAILURES]


def bulk(kind):
    return reverse("admin:taskhub_taskresult_bulk", args=[kind])


def many_words(count):
    return " ".join(f"k{number}={number}" for number in range(count))


# The number of words.


@pytest.mark.parametrize("url", SEARCHED)
def test_a_search_with_too_many_words_is_refused_on_the_page(admin_client, url):
    page = text_of(admin_client.get(url, {"q": many_words(350)}, follow=True))

    assert f"A search has at most {MAX_WORDS} words, not 350" in page


@pytest.mark.parametrize("url", SEARCHED)
def test_a_search_that_is_too_long_is_refused_on_the_page(admin_client, url):
    page = text_of(
        admin_client.get(url, {"q": "x" * (MAX_CHARACTERS + 1)}, follow=True)
    )

    assert f"at most {MAX_CHARACTERS:,} characters" in page


def test_a_repeated_word_counts_once(admin_client):
    row = TaskResultFactory(kwargs={"a": 1})

    response = admin_client.get(LIST, {"q": "a=1 " * 100})

    assert list(response.context["cl"].result_list) == [row]


def test_a_search_compares_only_one_list_of_tasks_per_query(
    admin_client, django_assert_max_num_queries
):
    """PostgreSQL's planner multiplies several lists of the same column."""
    row = TaskResultFactory(kwargs={f"k{number}": number for number in range(18)})
    words = f"tests {many_words(17)} add"

    with django_assert_max_num_queries(20) as captured:
        response = admin_client.get(LIST, {"q": words})

    assert list(response.context["cl"].result_list) == [row]
    column = connection.ops.quote_name("task_path")
    statements = [query["sql"] for query in captured]
    assert max(sql.count(f"{column} IN (") for sql in statements) == 1


@pytest.mark.parametrize("kind", ["retry", "cancel", "delete"])
def test_a_bulk_action_with_too_many_words_is_not_started(admin_client, kind):
    forged = {"selection": json.dumps({"search": many_words(350)})}

    pages = [
        admin_client.get(bulk(kind), {"q": many_words(350)}, follow=True),
        admin_client.post(bulk(kind), forged, follow=True),
    ]

    assert all("at most 20 words" in text_of(page) for page in pages)
    assert not BulkAction.objects.exists()


def test_an_export_with_too_many_words_is_refused(admin_client):
    url = reverse("admin:taskhub_taskresult_export", args=["csv"])

    page = admin_client.post(f"{url}?q={'+'.join(map(str, range(350)))}", follow=True)

    assert "at most 20 words" in text_of(page)


def test_selections_made_in_code_have_the_same_limit():
    with pytest.raises(InvalidOption, match="at most 20 words, not 21"):
        Selection(search=many_words(21))
    with pytest.raises(InvalidOption, match="at most 20 words, not 21"):
        Selection.from_json({"search": many_words(21)})


# Selected ids and orderings.


def test_the_number_of_selected_ids_is_limited(admin_client):
    row = TaskResultFactory(failed=True)
    forged = {"selection": json.dumps({"ids": [str(row.pk)] * 1_001})}

    page = text_of(admin_client.post(bulk("retry"), forged, follow=True))

    assert "At most 1,000 results can be selected one by one, not 1,001" in page
    assert not BulkAction.objects.exists()


@pytest.mark.parametrize("url", LISTS)
def test_a_repeated_column_orders_the_list_once(admin_client, url):
    PeriodicTaskFactory()

    response = admin_client.get(url, {"o": ".".join(["1", "-1", "5"] * 300)})

    ordering = response.context["cl"].queryset.query.order_by
    assert len(ordering) == len(set(ordering))


# The time limit of searches.


@pytest.fixture
def hardly_any_time(monkeypatch):
    """Limit searches to a millisecond, and create rows that need more time."""
    monkeypatch.setattr(time_limit, "MAX_SEARCH_SECONDS", 0.001)
    TaskResultFactory.create_batch(600, failed=True, args=["x" * 20_000], cause="a")
    QuarantinedMessageFactory.create_batch(200, reason="x" * 20_000)
    PeriodicTaskFactory.create_batch(200, description="x" * 20_000)


@pytest.mark.parametrize("url", SEARCHED)
def test_the_page_says_that_a_search_was_stopped(admin_client, hardly_any_time, url):
    page = text_of(admin_client.get(url, {"q": "needle needles"}, follow=True))

    assert "The search was stopped after" in page


def test_bulk_actions_and_exports_say_that_a_search_was_stopped(
    admin_client, hardly_any_time
):
    export = reverse("admin:taskhub_taskresult_export", args=["csv"])

    pages = [
        admin_client.get(bulk("retry"), {"q": "needle needles"}, follow=True),
        admin_client.post(f"{export}?q=needle+needles", follow=True),
    ]

    assert all("The search was stopped after" in text_of(page) for page in pages)


def test_a_search_restores_the_time_limit_of_the_connection(admin_client):
    variable = {
        "postgresql": "SELECT current_setting('statement_timeout')",
        "mysql": "SELECT @@SESSION.max_statement_time",
    }.get(connection.vendor, "SELECT 1")

    def limit():
        with connection.cursor() as cursor:
            cursor.execute(variable)
            return cursor.fetchone()

    before = limit()
    text_of(admin_client.get(LIST, {"q": "needle"}))

    assert limit() == before
