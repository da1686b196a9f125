"""The progress of a result on a site's own pages: the tag, the view and its tokens."""

import re
import time

import pytest
from django.core import signing
from django.template import Context, Template
from django.test import Client

from taskhub import views as progress
from taskhub.views import make_token, progress_url
from tests import tasks
from tests.factories import TaskResultFactory, new_id

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"


def show(result, options=""):
    """Return the HTML that the tag renders."""
    page = Template(f"{{% load taskhub %}}{{% task_progress result {options} %}}")
    return page.render(Context({"result": result}))


def running(**said):
    return TaskResultFactory(
        running=True, args=["hunter2"], progress={"done": 1, "total": 4, **said}
    )


def test_the_tag_shows_progress_and_its_url_but_no_arguments(client):
    row = running(message=SCRIPT)

    page = show(row)

    assert 'value="25"' in page
    assert 'data-over="no"' in page
    assert "data-reload" not in page
    assert "Running" in page
    assert SCRIPT not in page
    assert "hunter2" not in page
    url = re.search('data-url="([^"]+)"', page).group(1)
    assert client.get(url).json()["percent"] == 25
    assert 'data-reload="yes"' in show(row, "reload=True")


def test_the_view_returns_the_progress_to_anyone_with_the_url(
    client, django_assert_num_queries
):
    url = progress_url(running(message="rows").pk)

    with django_assert_num_queries(1):
        answer = client.get(url)

    assert answer.json() == {
        "status": "RUNNING",
        "label": "Running",
        "is_over": False,
        "percent": 25,
        "text": "1 of 4 rows",
    }
    assert "no-store" in answer["Cache-Control"]


def test_a_failed_result_is_over(client):
    row = TaskResultFactory(failed=True)

    assert 'data-over="yes"' in show(row)
    assert client.get(progress_url(row.pk)).json()["is_over"]


def test_the_view_refuses_wrong_tokens(client):
    pk = str(running().pk)
    tokens = [
        "no-token",
        pk,
        signing.dumps(pk),
        signing.dumps("no id", salt=progress._SALT),
    ]

    for token in tokens:
        assert client.get(f"/tasks/progress/{token}/").status_code == 404


def test_a_token_expires_after_a_day(client, monkeypatch):
    url = progress_url(running().pk)
    later = time.time() + 25 * 60 * 60

    monkeypatch.setattr("time.time", lambda: later)

    assert client.get(url).status_code == 404


def test_the_view_refuses_post_requests():
    url = progress_url(running().pk)

    assert Client().post(url).status_code == 405


def test_the_tag_accepts_a_result_a_row_or_an_id(config):
    result = tasks.add.enqueue(1)

    for named in (result, result.row, result.id, result.row.pk):
        assert 'data-over="no"' in show(named)


def test_a_result_without_a_row_is_not_over(client):
    pk = new_id()

    page = show(pk)
    answer = client.get(progress_url(pk)).json()

    assert 'data-over="no"' in page
    assert "data-seen" not in page
    assert (answer["status"], answer["is_over"]) == (None, False)


def test_a_result_that_was_seen_and_then_deleted_is_over(client):
    row = running()
    page, url = show(row), progress_url(row.pk)

    row.delete()
    assert not client.get(url, {"seen": "no"}).json()["is_over"]
    answer = client.get(url, {"seen": "yes"}).json()

    assert 'data-seen="yes"' in page
    assert (answer["status"], answer["is_over"]) == (None, True)
    assert answer["label"] == "No longer kept"


def test_a_token_contains_only_the_id():
    row = running()

    told = signing.loads(make_token(row.pk), salt=progress._SALT)

    assert told == str(row.pk)
