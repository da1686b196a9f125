"""Addresses, form values and form errors of the periodic task pages."""

from django.db import connection
from django.urls import reverse

LIST = reverse("admin:taskhub_periodictask_changelist")
ADD = reverse("admin:taskhub_periodictask_add")
BACKFILL = reverse("admin:taskhub_periodictask_backfill")
PREVIEW = reverse("admin:taskhub_periodictask_preview")
SCRIPT = "<script>alert(1)</script>"


def change(row):
    """Return the address of a row's page."""
    return reverse("admin:taskhub_periodictask_change", args=[row.pk])


def written(**changes):
    """Return the form values of a nightly schedule, with the given changes."""
    return {
        "name": "Nightly",
        "task_path": "tests.tasks.add",
        "args": "[1, 2]",
        "kwargs": "{}",
        "description": "",
        "enabled": "on",
        "kind": "cron",
        "expression": "0 3 * * *",
        "tz": "Europe/Berlin",
        "count": "",
        "unit": "minutes",
        "at_0": "",
        "at_1": "",
        "event": "sunrise",
        "latitude": "",
        "longitude": "",
        "start_at_0": "",
        "start_at_1": "",
        "end_at_0": "",
        "end_at_1": "",
        "max_runs": "",
        "jitter": "0",
        "overlap": "allow",
        "missed_runs": "latest",
        "missed_window": "1 day",
        "disable_after_failures": "",
        "queue_name": "",
        "priority": "",
        "expires_after": "",
        **changes,
    }


def faults(response):
    """Return the form errors of a page, by field."""
    assert response.status_code == 200
    errors = response.context["adminform"].form.errors
    return {field: " ".join(sentences) for field, sentences in errors.items()}


def break_schedule(row, text="cron 99 * * * *"):
    """Write an invalid schedule with SQL, since the model would refuse it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE taskhub_periodictask SET schedule = %s WHERE id = %s",
            [text, row.pk],
        )
