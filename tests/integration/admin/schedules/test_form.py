"""The form of periodic tasks: valid values, errors and masked arguments."""

from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models.signals import pre_save
from django.utils import timezone
from django.utils.html import escape

from taskhub.models import MissedRuns, Overlap, PeriodicTask
from taskhub.schedules import Unreadable, parse
from taskhub.tasks.masking import MASK
from tests.factories import PeriodicTaskFactory
from tests.integration.admin.schedules.pages import (
    ADD,
    LIST,
    SCRIPT,
    break_schedule,
    change,
    faults,
    written,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "cron 0 3 * * * Europe/Berlin"),
        ({"kind": "every", "count": "10"}, "every 10 minutes"),
        (
            {"kind": "once", "at_0": "2999-01-01", "at_1": "12:30"},
            "once 2999-01-01T12:30:00+00:00",
        ),
        (
            {"kind": "solar", "latitude": "52.52", "longitude": "-13.4"},
            "solar sunrise 52.52 -13.4",
        ),
        # The fields of other kinds are not read.
        ({"count": "no number", "latitude": "north"}, "cron 0 3 * * * Europe/Berlin"),
    ],
)
def test_the_form_saves_a_schedule_of_each_kind(admin_client, changes, text):
    response = admin_client.post(ADD, written(**changes))

    assert response.status_code == 302
    row = PeriodicTask.objects.get()
    assert row.schedule == parse(text)
    assert row.enabled
    assert row.next_run_at is not None


def test_the_other_fields_are_saved(admin_client):
    admin_client.post(
        ADD,
        written(
            task_path="tests.tasks.send",
            args='["grace@example.com"]',
            kwargs='{"subject": "Hi"}',
            missed_runs="all",
            missed_window="2 days",
            overlap="wait",
            jitter="90 seconds",
            expires_after="4 hours",
            queue_name="mail",
            priority="-5",
            max_runs="3",
            disable_after_failures="2",
        ),
    )

    row = PeriodicTask.objects.get()
    assert (row.args, row.kwargs) == (["grace@example.com"], {"subject": "Hi"})
    assert (row.missed_runs, row.missed_window) == (MissedRuns.ALL, timedelta(days=2))
    assert (row.overlap, row.jitter) == (Overlap.WAIT, timedelta(seconds=90))
    assert (row.expires_after, row.queue_name) == (timedelta(hours=4), "mail")
    assert (row.priority, row.max_runs, row.disable_after_failures) == (-5, 3, 2)


def test_empty_durations_and_arguments_get_their_defaults(admin_client):
    admin_client.post(
        ADD,
        written(
            task_path="tests.tasks.fail",
            args="",
            kwargs="",
            jitter="",
            missed_window="",
        ),
    )

    row = PeriodicTask.objects.get()
    assert (row.args, row.kwargs, row.jitter) == ([], {}, timedelta(0))
    assert row.missed_window == timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"expression": "0 0 30 2 *"}, "expression", "never fires"),
        ({"expression": "0 3 * *"}, "expression", "It has 4 fields; expected 5"),
        ({"expression": "0 3 * * FRY"}, "expression", "is no day of week"),
        ({"expression": ""}, "expression", "such as 0 3 * * *"),
        ({"tz": "Europe/Berln"}, "tz", "did you mean"),
        ({"tz": ""}, "tz", "such as Europe/Berlin"),
        ({"kind": "every", "count": "0"}, "count", "a whole number from 1"),
        ({"kind": "every", "count": "1.5"}, "count", "whole number"),
        ({"kind": "every", "count": "9" * 30}, "count", "at most 100 years"),
        ({"kind": "every", "count": "5", "unit": "eons"}, "unit", "eons"),
        ({"kind": "once"}, "at", "a date and a time"),
        ({"kind": "once", "at_0": "2020-01-01", "at_1": "0:00"}, "at", "in the past"),
        ({"kind": "once", "at_0": "9999-12-31", "at_1": "23:59"}, "at", "to 2999"),
        ({"kind": "solar", "latitude": "91", "longitude": "0"}, "latitude", "to 90"),
        (
            {"kind": "solar", "event": "sunset", "latitude": "90", "longitude": "0"},
            "latitude",
            "never happens",
        ),
        ({"kind": "solar", "latitude": "1"}, "longitude", "Enter the longitude"),
        ({"kind": "lunar"}, "kind", "lunar"),
        (
            {
                "start_at_0": "2998-01-02",
                "start_at_1": "0:00",
                "end_at_0": "2998-01-01",
                "end_at_1": "0:00",
            },
            "end_at",
            "before the start",
        ),
        ({"start_at_0": "9999-12-31", "start_at_1": "0:00"}, "start_at", "to 2999"),
        ({"args": "[1, 2, 3]"}, "args", "too many positional arguments"),
        ({"args": "[1]", "kwargs": '{"bb": 2}'}, "kwargs", "did you mean 'b'"),
        (
            {"task_path": "tests.typed_tasks.return_uuid", "args": '["x"]'},
            "args",
            "args[0] ('value') does not fit its annotation, UUID",
        ),
        ({"args": '{"a": 1}'}, "args", "Positional arguments must be a list"),
        ({"args": "[1, 2"}, "args", "Expected a list as JSON"),
        ({"kwargs": "[]]"}, "kwargs", "Expected an object as JSON"),
        ({"task_path": "tests.tasks.ad"}, "task_path", "did you mean 'tests.tasks.add"),
        ({"task_path": ""}, "task_path", "required"),
        ({"queue_name": "male"}, "queue_name", "did you mean 'mail'"),
        ({"priority": "101"}, "priority", "100"),
        ({"jitter": "-5"}, "jitter", "greater than or equal to"),
        ({"expires_after": "soon"}, "expires_after", "such as 10 minutes"),
        ({"max_runs": "0"}, "max_runs", "1"),
        ({"name": ""}, "name", "required"),
    ],
)
def test_an_invalid_value_is_reported_at_its_field(admin_client, changes, field, said):
    response = admin_client.post(ADD, written(**changes))

    found = faults(response)
    assert list(found) == [field]
    assert said in found[field]
    assert not PeriodicTask.objects.exists()


@pytest.mark.parametrize(
    "traits", [{}, {"nightly": True}, {"clocked": True}, {"solar": True}]
)
def test_saving_an_unchanged_form_keeps_the_schedule(admin_client, traits):
    row = PeriodicTaskFactory(
        name="Nightly", expires_after=timedelta(minutes=90), **traits
    )
    page = admin_client.get(change(row))
    form = page.context["adminform"].form
    sent = {
        html_name: value
        for name in form.fields
        for html_name, value in _inputs(form[name])
    }

    response = admin_client.post(change(row), sent)

    assert response.status_code == 302, faults(response)
    saved = PeriodicTask.objects.get()
    assert saved.schedule.next_after(timezone.now()) is not None
    assert saved.schedule.kind == row.schedule.kind
    if not traits.get("clocked"):
        assert saved.schedule == row.schedule
        assert saved.planned_at == row.planned_at
        assert LogEntry.objects.get().get_change_message() == "No fields changed."


def _inputs(field):
    """Return the names and values of a field's inputs on the page."""
    value = field.value()
    if field.name in ("at", "start_at", "end_at"):
        parts = field.field.widget.decompress(value) if value else ["", ""]
        shown = [str(part or "") for part in parts]
        return [(f"{field.name}_{number}", part) for number, part in enumerate(shown)]
    if value is False or value is None:
        return []
    return [(field.name, "on" if value is True else value)]


def test_saving_keeps_the_run_counts_that_the_beat_writes_meanwhile(admin_client):
    row = PeriodicTaskFactory()

    def fire(**_):
        PeriodicTask.objects.update(total_run_count=7, recent_ids=["x"])

    pre_save.connect(fire, PeriodicTask)
    try:
        admin_client.post(change(row), written(name="Renamed"))
    finally:
        pre_save.disconnect(fire, PeriodicTask)

    row.refresh_from_db()
    assert (row.name, row.total_run_count, row.recent_ids) == ("Renamed", 7, ["x"])


def test_a_row_that_disables_itself_at_once_says_so(admin_client):
    row = PeriodicTaskFactory(disabled=True, total_run_count=3)

    response = admin_client.post(change(row), written(max_runs="3"), follow=True)

    assert "It has disabled itself at once." in response.content.decode()
    assert "its maximum" in response.content.decode()


def test_a_schedule_in_the_past_can_be_edited_while_disabled(admin_client):
    row = PeriodicTaskFactory(clocked=True, disabled=True)
    past = timezone.now().replace(microsecond=0) - timedelta(days=1)
    break_schedule(row, f"once {past.isoformat()}")
    sent = written(
        name="Renamed", kind="once", at_0=f"{past:%Y-%m-%d}", at_1=f"{past:%H:%M:%S}"
    )

    assert "at" in faults(admin_client.post(change(row), sent))
    del sent["enabled"]
    assert admin_client.post(change(row), sent).status_code == 302


def test_an_unreadable_schedule_can_be_repaired_in_the_form(admin_client):
    row = PeriodicTaskFactory(name="Broken")
    break_schedule(row, f"cron 0 99 * * * Europe/Berlin {SCRIPT}"[:60])
    assert isinstance(PeriodicTask.objects.get().schedule, Unreadable)

    page = admin_client.get(change(row)).content.decode()

    assert "Its schedule cannot be read." in page
    assert "cron 0 99 * * * Europe/Berlin" in page
    assert "<script>alert" not in page
    assert 'value="0 99 * * *"' in page
    assert "Unreadable" in admin_client.get(LIST).content.decode()
    assert "expression" in faults(
        admin_client.post(change(row), written(expression="0 99 * * *"))
    )
    assert admin_client.post(change(row), written()).status_code == 302
    assert PeriodicTask.objects.get().schedule.kind == "cron"


@pytest.mark.parametrize("text", ["", "nonsense", "every", "once soon", "solar x"])
def test_rows_with_invalid_values_in_the_database_can_be_viewed(admin_client, text):
    row = PeriodicTaskFactory()
    break_schedule(row, text)
    PeriodicTask.objects.update(recent_ids={"no": "list"}, args={"no": "list"})

    assert admin_client.get(change(row)).status_code == 200
    assert admin_client.get(LIST).status_code == 200


def test_an_unregistered_task_stays_selected(admin_client):
    row = PeriodicTaskFactory(task_path="shop.old.bill")

    page = admin_client.get(change(row)).content.decode()

    assert '<optgroup label="Not registered here">' in page
    assert '<option value="shop.old.bill" selected>' in page


def test_the_form_shows_the_signature_and_docstring_of_the_task(admin_client):
    row = PeriodicTaskFactory(task_path="tests.tasks.give_back", args=[1])

    page = admin_client.get(change(row)).content.decode()

    assert '<code class="taskhub-signature">give_back(value)</code>' in page
    assert "Return what was given: for values that JSON can carry." in page
    assert '<optgroup label="tests.tasks">' in page
    assert 'data-signature="send(address, *, subject=&#x27;hello&#x27;)"' in page


def test_a_time_is_read_in_the_current_time_zone(admin_client, settings):
    settings.TIME_ZONE = "Europe/Berlin"

    admin_client.post(ADD, written(kind="once", at_0="2999-07-01", at_1="12:00"))

    at = PeriodicTask.objects.get().schedule.at
    assert at == datetime.fromisoformat("2999-07-01T12:00+02:00")


# Masked arguments.


@pytest.fixture
def with_secret():
    return PeriodicTaskFactory(
        task_path="tests.tasks.sign_in", args=["ada"], kwargs={"password": "hunter2"}
    )


def shown(response):
    """Return the values of the argument fields, as a browser sends them back."""
    form = response.context["adminform"].form
    return {name: form[name].value() for name in ("args", "kwargs")}


def test_a_masked_argument_is_not_shown_and_keeps_its_value(admin_client, with_secret):
    response = admin_client.get(change(with_secret))
    assert "hunter2" not in response.content.decode()
    assert "Leave it to keep the value." in response.content.decode()

    sent = written(task_path="tests.tasks.sign_in", **shown(response))
    assert admin_client.post(change(with_secret), sent).status_code == 302

    with_secret.refresh_from_db()
    assert with_secret.args == ["ada"]
    assert with_secret.kwargs == {"password": "hunter2"}
    assert "rguments" not in LogEntry.objects.latest("pk").change_message


def test_other_arguments_can_be_changed_beside_a_masked_one(admin_client, with_secret):
    sent = written(task_path="tests.tasks.sign_in", args=f'["eve", "{MASK}"]')

    assert admin_client.post(change(with_secret), sent).status_code == 302

    with_secret.refresh_from_db()
    assert (with_secret.args, with_secret.kwargs) == (["eve", "hunter2"], {})


def test_a_masked_argument_can_be_replaced(admin_client, with_secret):
    kwargs = '{"password": "correct horse"}'
    sent = written(task_path="tests.tasks.sign_in", args='["ada"]', kwargs=kwargs)

    admin_client.post(change(with_secret), sent)

    with_secret.refresh_from_db()
    assert with_secret.kwargs == {"password": "correct horse"}


def test_a_masked_value_is_not_passed_to_another_task(admin_client, with_secret):
    sent = written(
        task_path="tests.tasks.fail", args="[]", kwargs=f'{{"password": "{MASK}"}}'
    )

    response = admin_client.post(change(with_secret), sent)

    assert "enter the value" in faults(response)["kwargs"]
    assert "hunter2" not in response.content.decode()
    with_secret.refresh_from_db()
    assert with_secret.kwargs == {"password": "hunter2"}


def test_the_form_shows_no_arguments_of_an_unregistered_task(admin_client):
    row = PeriodicTaskFactory(task_path="shop.old.bill", args=["hunter2"])

    response = admin_client.get(change(row))
    assert "hunter2" not in response.content.decode()

    sent = written(task_path="tests.tasks.give_back", **shown(response))
    assert "enter the value" in faults(admin_client.post(change(row), sent))["args"]


def test_arguments_of_the_wrong_type_can_be_repaired(admin_client):
    row = PeriodicTaskFactory(task_path="tests.tasks.sign_in")
    PeriodicTask.objects.update(args={"password": "hunter2"}, kwargs=[])

    response = admin_client.get(change(row))
    assert "hunter2" not in response.content.decode()

    sent = written(task_path="tests.tasks.sign_in", args='["ada"]')
    assert admin_client.post(change(row), sent).status_code == 302
    row.refresh_from_db()
    assert (row.args, row.kwargs) == (["ada"], {})


# Invalid JSON.

DEEP = "[" * 100_000
LONG = f"[{'9' * 5_000}]"
HALF = r'["\ud800"]'


@pytest.mark.parametrize("text", [DEEP, LONG, HALF, '["\\u0000"]', "[NaN]", "[1e999]"])
def test_invalid_json_is_reported_at_its_field_and_shown_again(admin_client, text):
    row = PeriodicTaskFactory()
    for url in (ADD, change(row)):
        response = admin_client.post(url, written(name="Odd", args=text))

        assert "args" in faults(response)
        assert escape(text) in response.content.decode()
        by_keyword = text.replace("[", '{"a": ', 1).replace("]", "}")
        response = admin_client.post(url, written(name="Odd", kwargs=by_keyword))
        assert "kwargs" in faults(response)


@pytest.mark.parametrize("text", [DEEP, LONG, HALF])
@pytest.mark.parametrize("name", ["boxes", "labels", "extra", "secrets"])
def test_the_enqueue_form_refuses_invalid_json(admin_client, name, text):
    url = "/admin/taskhub/taskresult/enqueue/?task=tests.tasks.order"

    response = admin_client.post(
        url, {"arg_number": "1", "arg_card": "2", f"arg_{name}": text}
    )

    assert response.status_code == 200
    assert f"arg_{name}" in response.context["call"].errors


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="only SQLite accepts a lone surrogate in JSON"
)
def test_a_lone_surrogate_in_the_database_is_shown(admin_client):
    row = PeriodicTaskFactory(from_code=True)
    PeriodicTask.objects.filter(pk=row.pk).update(args=["\ud800"])

    assert r"\ud800" in admin_client.get(change(row)).content.decode()
