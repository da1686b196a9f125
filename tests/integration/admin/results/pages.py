"""Addresses and contents of the result pages."""

from django.contrib.admin.models import LogEntry
from django.urls import reverse

LIST = reverse("admin:taskhub_taskresult_changelist")
SCRIPT = "<script>alert(1)</script>"


def change(row):
    """Return the address of a result's page."""
    return reverse("admin:taskhub_taskresult_change", args=[row.pk])


def live(row):
    """Return the address from which a result's page polls its progress."""
    return reverse("admin:taskhub_taskresult_live", args=[row.pk])


def do(row, name):
    """Return the address of a button on a result's page."""
    return reverse("admin:taskhub_taskresult_do", args=[row.pk, name])


def text_of(response):
    """Return the text of a response, which must have status 200."""
    assert response.status_code == 200
    return response.content.decode()


def spans(page):
    """Return the texts of the spans in a result's timeline."""
    parts = page.split('<span class="taskhub-span-text">')[1:]
    return [part.partition("</span>")[0] for part in parts]


def history():
    """Return the user and the message of each entry in the admin's history."""
    return [
        (entry.user.username, entry.get_change_message())
        for entry in LogEntry.objects.order_by("pk")
    ]
