"""How far a result is, on the site's own pages: who may ask, and what is told."""

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
    """Return what the tag puts into a page."""
    page = Template(f"{{% load taskhub %}}{{% task_progress result {options} %}}")
    return page.render(Context({"result": result}))


def running(**said):
    return TaskResultFactory(
        running=True, args=["hunter2"], progress={"done": 1, "total": 4, **said}
    )


def test_a_page_shows_how_far_a_result_is_and_where_to_ask():
    row = running(message=SCRIPT)

    page = show(row)

    assert 'value="25"' in page
    assert 'data-over="no"' in page
    assert "data-reload" not in page
    assert "Running" in page
    assert SCRIPT not in page
    assert "hunter2" not in page
    assert 'data-reload="yes"' in show(row, "reload=True")


def test_the_address_answers_who_has_it(client, django_assert_num_queries):
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


def test_what_is_over_is_not_asked_for(client):
    row = TaskResultFactory(failed=True)

    assert 'data-over="yes"' in show(row)
    assert client.get(progress_url(row.pk)).json()["is_over"]


def test_nobody_asks_without_a_token(client):
    pk = str(running().pk)
    tokens = [
        "no-token",
        pk,
        signing.dumps(pk),
        signing.dumps("no id", salt=progress._SALT),
    ]

    for token in tokens:
        assert client.get(f"/tasks/progress/{token}/").status_code == 404


def test_a_token_is_of_one_result_and_of_one_day(client, monkeypatch):
    url = progress_url(running().pk)
    later = time.time() + 25 * 60 * 60

    monkeypatch.setattr("time.time", lambda: later)

    assert client.get(url).status_code == 404


def test_asking_changes_nothing():
    url = progress_url(running().pk)

    assert Client().post(url).status_code == 405


def test_the_tag_takes_whatever_names_a_result(config):
    result = tasks.add.enqueue(1)

    for named in (result, result.row, result.id, result.row.pk):
        assert 'data-over="no"' in show(named)


def test_a_result_that_has_no_row_yet_is_waited_for(client):
    pk = new_id()

    page = show(pk)
    answer = client.get(progress_url(pk)).json()

    assert 'data-over="no"' in page
    assert "data-seen" not in page
    assert (answer["status"], answer["is_over"]) == (None, False)


def test_what_was_seen_and_is_gone_is_over(client):
    row = running()
    page, url = show(row), progress_url(row.pk)

    row.delete()
    answer = client.get(url, {"seen": "yes"}).json()

    assert 'data-seen="yes"' in page
    assert (answer["status"], answer["is_over"]) == (None, True)
    assert answer["label"] == "No longer kept"


def test_a_token_says_nothing_but_the_id():
    row = running()

    told = signing.loads(make_token(row.pk), salt=progress._SALT)

    assert told == str(row.pk)
