"""Links back to a list: its filters are kept, even if the object is deleted."""

from html import unescape
from re import findall

import pytest
from django.urls import reverse
from django.utils.http import urlencode

from tests.factories import (
    PeriodicTaskFactory,
    QuarantinedMessageFactory,
    TaskResultFactory,
)
from tests.integration.admin.results.pages import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.any_broker]

GONE = "The row no longer exists."
SCHEDULES = reverse("admin:taskhub_periodictask_changelist")
RESULTS = reverse("admin:taskhub_taskresult_changelist")


@pytest.fixture(autouse=True)
def config(configure):
    return configure(broker_url="database://")


@pytest.fixture
def visit(admin_client):
    """Return a function that returns the addresses of a page's links and forms."""

    def visit(url):
        page = text_of(admin_client.get(url))
        return [unescape(each) for each in findall(r'(?:href|action)="([^"]+)"', page)]

    return visit


def only(urls, part):
    """Return the only address that contains a text."""
    (found,) = {url for url in urls if part in url}
    return found


def kept(url, listed):
    """Return whether an address contains the filters of a list."""
    filters = listed.partition("?")[2]
    return urlencode({"_changelist_filters": filters}) in url


def test_a_button_of_a_result_keeps_the_list_filters(admin_client, visit):
    row = TaskResultFactory(failed=True)
    listed = f"{RESULTS}?status=FAILED&q=tests"

    shown = visit(only(visit(listed), f"{row.pk}/change/"))
    done = admin_client.post(only(shown, "/do/retry/"))

    assert kept(done.url, listed)
    assert listed in visit(done.url)


def test_the_form_for_other_arguments_keeps_the_list_filters(admin_client, visit):
    row = TaskResultFactory(failed=True)
    listed = f"{RESULTS}?status=FAILED&q=tests"

    url = only(visit(only(visit(listed), f"{row.pk}/change/")), "/again/")

    assert kept(only(visit(url), "/change/"), listed)
    assert kept(admin_client.post(url, {"arg_a": "1"}).url, listed)


def test_an_unfinished_bulk_action_form_keeps_the_list_filters(admin_client):
    row = TaskResultFactory(failed=True)
    listed = f"{RESULTS}?status=FAILED&q=tests"
    chosen = {"action": "retry_selected", "_selected_action": [row.pk]}

    asked = admin_client.post(listed, chosen)
    refused = admin_client.post(
        asked.context["url"], {"selection": "{}", "per_second": "x"}
    )

    assert asked.context["back"] == refused.context["back"] == listed


def test_schedule_buttons_and_backfilling_keep_the_list_filters(admin_client, visit):
    row = PeriodicTaskFactory(task_path="tests.tasks.add")
    listed = f"{SCHEDULES}?q=tests"

    shown = visit(only(visit(listed), f"{row.pk}/change/"))
    chosen = {"action": "backfill_selected", "_selected_action": [row.pk]}
    asked = admin_client.post(listed, chosen)

    assert kept(admin_client.post(only(shown, "/do/disable/")).url, listed)
    assert kept(only(shown, "/backfill/"), listed)
    assert kept(asked.url, listed)
    page = admin_client.get(asked.url)
    assert page.context["back"] == listed
    assert '<input type="hidden" name="_changelist_filters" value="q=tests">' in (
        text_of(page)
    )


def test_pushing_a_quarantined_message_keeps_the_list_search(admin_client, visit):
    row = QuarantinedMessageFactory(message_id="odd")
    listed = reverse("admin:taskhub_quarantinedmessage_changelist") + "?q=odd"

    shown = visit(only(visit(listed), f"/{row.pk}/change/"))
    done = admin_client.post(only(shown, "/push/"))

    assert done.url == listed or kept(done.url, listed)


@pytest.mark.parametrize(
    ("factory", "name", "path"),
    [
        (TaskResultFactory, "taskresult", "do/retry/"),
        (TaskResultFactory, "taskresult", "again/"),
        (PeriodicTaskFactory, "periodictask", "do/run/"),
        (QuarantinedMessageFactory, "quarantinedmessage", "push/"),
    ],
)
def test_a_button_of_a_deleted_object_says_that_it_is_gone(
    admin_client, factory, name, path
):
    row = factory()
    listed = reverse(f"admin:taskhub_{name}_changelist")
    url = f"{listed}{row.pk}/{path}?{urlencode({'_changelist_filters': 'q=odd'})}"
    row.delete()

    done = admin_client.post(url, follow=True)

    assert done.redirect_chain == [(f"{listed}?q=odd", 302)]
    assert GONE in text_of(done)
