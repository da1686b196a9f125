"""Enqueueing a task by hand, and a result again with other arguments."""

import pytest
from django.test import Client
from django.urls import reverse

from taskhub.models import TaskResult
from tests.factories import TaskResultFactory
from tests.integration.admin.results.pages import (
    LIST,
    SCRIPT,
    change,
    history,
    text_of,
)
from tests.models import Trace

pytestmark = pytest.mark.django_db

ENQUEUE = reverse("admin:taskhub_taskresult_enqueue")


def form_of(path):
    return f"{ENQUEUE}?task={path}"


def again(row):
    return reverse("admin:taskhub_taskresult_again", args=[row.pk])


def options(**changes):
    return {
        "queue_name": "",
        "priority": "",
        "run_after_0": "",
        "run_after_1": "",
        **changes,
    }


# A new result.


def test_a_task_is_chosen_and_enqueued(config, admin_client):
    page = text_of(admin_client.get(ENQUEUE))
    assert "tests.tasks.send" in page

    form = text_of(admin_client.get(form_of("tests.tasks.send")))
    assert 'name="arg_address"' in form
    assert "send(address, *, subject=&#x27;hello&#x27;)" in form
    response = admin_client.post(
        form_of("tests.tasks.send"),
        options(arg_address='"grace@example.com"', arg_subject='"hello"'),
        follow=True,
    )

    row = TaskResult.objects.get()
    assert response.redirect_chain == [(change(row), 302)]
    assert (row.args, row.kwargs) == ([], {"address": "grace@example.com"})
    assert (row.queue_name, row.meta) == ("mail", {"enqueued_by": "admin"})
    assert history() == [("admin", "Enqueued by hand.")]
    assert "Enqueued by hand by" in text_of(response)


def test_queue_priority_and_time_are_saved(config, admin_client):
    chosen = options(
        queue_name="other", priority="7", run_after_0="2099-01-01", run_after_1="10:00"
    )
    admin_client.post(form_of("tests.tasks.add"), {"arg_a": "1", **chosen})

    row = TaskResult.objects.get()
    assert (row.queue_name, row.priority) == ("other", 7)
    assert row.run_after.year == 2099


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ({"arg_a": "one"}, "arg_a"),
        ({"arg_a": ""}, "arg_a"),
        ({"arg_a": "1", "priority": "101"}, "priority"),
        ({"arg_a": "1", "run_after_0": "soon"}, "run_after"),
        ({"arg_a": "1", "queue_name": "nowhere"}, "__all__"),
    ],
)
def test_an_invalid_value_is_reported_at_its_field(
    config, admin_client, written, field
):
    response = admin_client.post(form_of("tests.tasks.add"), options(**written))

    forms = response.context["call"], response.context["options"]
    assert {name for form in forms for name in form.errors} == {field}
    assert "Please correct the error below." in text_of(response)
    assert not TaskResult.objects.exists()


def test_an_unregistered_task_is_reported(admin_client):
    page = text_of(admin_client.get(ENQUEUE, {"task": SCRIPT}))

    assert "is registered here" in page
    assert SCRIPT not in page


def test_the_form_needs_only_the_queries_for_the_user(
    admin_client, django_assert_max_num_queries
):
    # The two queries load the session and the user.
    with django_assert_max_num_queries(2):
        admin_client.get(form_of("tests.tasks.order"))


def test_typed_arguments_are_entered_in_their_fields(config, admin_client):
    trace = Trace.objects.create(label="x", pid=1)

    admin_client.post(
        form_of("tests.typed_tasks.read_trace"), options(arg_trace=str(trace.pk))
    )
    admin_client.post(
        form_of("tests.typed_tasks.return_datetime"),
        options(arg_value_0="2026-11-23", arg_value_1="9:00"),
    )

    at, key = TaskResult.objects.all()
    assert key.kwargs == {"trace": trace.pk}
    assert at.kwargs == {"value": "2026-11-23T09:00:00Z"}


# A result again, with other arguments.


def test_arguments_that_are_not_edited_keep_their_types(config, admin_client):
    key = "5f0c8a1e-0000-4000-8000-000000000001"
    old = TaskResultFactory(
        failed=True, args=[key], kwargs={"b": key}, extra={"types": {"args[0]": "uuid"}}
    )

    admin_client.post(again(old), {"arg_a": f'"{key}"', "arg_b": "2"})

    new = TaskResult.objects.first()
    assert new.kwargs == {"a": key, "b": 2}
    assert new.extra == {"types": {"kwargs['a']": "uuid"}}


def test_a_result_is_enqueued_again_with_other_arguments(config, admin_client):
    old = TaskResultFactory(
        failed=True,
        task_path="tests.tasks.order",
        args=[7, "4711"],
        kwargs={"secrets": ["hunter2"]},
        priority=3,
        meta={"campaign": 9},
    )
    assert again(old) in text_of(admin_client.get(change(old)))

    page = text_of(admin_client.get(again(old)))
    assert 'name="arg_number" value="7"' in page
    assert "4711" not in page
    assert "hunter2" not in page
    response = admin_client.post(
        again(old),
        {
            "arg_number": "8",
            "arg_card": "",
            "arg_address": SCRIPT,
            "arg_speed": "slow",
        },
        follow=True,
    )

    new = TaskResult.objects.exclude(pk=old.pk).get()
    assert (new.args, new.kwargs) == (
        [8, "4711"],
        {"secrets": ["hunter2"], "address": SCRIPT},
    )
    assert (new.priority, new.meta["campaign"]) == (3, 9)
    assert new.meta["instead_of"] == str(old.pk)
    assert "Instead of" in text_of(response)
    assert SCRIPT not in text_of(response)
    old.refresh_from_db()
    assert old.status == "FAILED"
    assert [name for name, _what in history()] == ["admin", "admin"]
    assert all("hunter2" not in what for _name, what in history())


def test_an_invalid_form_keeps_the_entered_values(config, admin_client):
    old = TaskResultFactory(failed=True, task_path="tests.tasks.order", args=[7, "x"])

    response = admin_client.post(
        again(old), {"arg_number": "seven", "arg_speed": "slow"}
    )

    assert response.context["call"].errors.keys() == {"arg_number"}
    assert 'value="seven"' in text_of(response)
    assert TaskResult.objects.count() == 1


def test_a_result_of_an_unregistered_task_is_not_enqueued_again(admin_client):
    row = TaskResultFactory(failed=True, task_path="shop.old.ship")

    assert again(row) not in text_of(admin_client.get(change(row)))
    assert admin_client.get(again(row)).status_code == 404


def test_an_unfinished_result_is_not_enqueued_again(admin_client):
    row = TaskResultFactory(running=True)

    assert again(row) not in text_of(admin_client.get(change(row)))
    page = text_of(admin_client.get(again(row), follow=True))
    assert "The result is not finished." in page


def test_arguments_that_no_longer_fit_the_task_are_reported(admin_client):
    row = TaskResultFactory(failed=True, args=[1, 2, 3])

    assert "no longer fit the task" in text_of(admin_client.get(again(row)))


# Permissions.


def test_enqueueing_requires_its_permission(staff):
    others = [f"{verb}_taskresult" for verb in ("retry", "cancel", "delete", "export")]
    client = staff("view_taskresult", *others)
    row = TaskResultFactory(failed=True)

    assert ENQUEUE not in text_of(client.get(LIST))
    assert again(row) not in text_of(client.get(change(row)))
    for url in (ENQUEUE, form_of("tests.tasks.add"), again(row)):
        assert client.get(url).status_code == 403
        assert client.post(url, {"arg_a": "1"}).status_code == 403
    assert TaskResult.objects.count() == 1


def test_enqueue_permission_allows_enqueueing(config, staff):
    client = staff("view_taskresult", "enqueue_taskresult")
    row = TaskResultFactory(failed=True)

    assert ENQUEUE in text_of(client.get(LIST))
    client.post(form_of("tests.tasks.add"), options(arg_a="1"))
    client.post(again(row), {"arg_a": "5"})

    assert TaskResult.objects.count() == 3


def test_enqueueing_requires_view_permission(staff):
    client = staff("enqueue_taskresult")

    assert client.get(ENQUEUE).status_code == 403


def test_enqueueing_requires_a_csrf_token(admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)

    answer = strict.post(form_of("tests.tasks.add"), options(arg_a="1"))

    assert answer.status_code == 403


@pytest.mark.django_db(transaction=True)
def test_opening_the_form_runs_no_task(admin_client):
    admin_client.get(form_of("tests.tasks.close_connection"))

    assert not Trace.objects.exists()
