"""The pages of results, as tests ask for them."""

from django.contrib.admin.models import LogEntry
from django.urls import reverse

LIST = reverse("admin:taskhub_taskresult_changelist")
SCRIPT = "<script>alert(1)</script>"


def change(row):
    """Return the address of a result's page."""
    return reverse("admin:taskhub_taskresult_change", args=[row.pk])


def live(row):
    """Return the address where a result's page asks how far it is."""
    return reverse("admin:taskhub_taskresult_live", args=[row.pk])


def do(row, name):
    """Return the address of a button on a result's page."""
    return reverse("admin:taskhub_taskresult_do", args=[row.pk, name])


def text_of(response):
    """Return a page that was answered."""
    assert response.status_code == 200
    return response.content.decode()


def history():
    """Return what the admin's history says was done: by whom, and what."""
    return [
        (entry.user.username, entry.get_change_message())
        for entry in LogEntry.objects.order_by("pk")
    ]
