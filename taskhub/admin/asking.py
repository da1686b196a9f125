"""A page that says what is about to be done, asks what has to be known, and does it."""

from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from taskhub.admin.responses import render


class ReasonForm(forms.Form):
    """Why it is done: for whoever wonders later."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=500,
        widget=AdminTextInputWidget(),
        help_text=_("For whoever wonders later; it is written into the history."),
    )


def with_reason(logged: str, reason: str) -> str:
    """Return what is written into the history, with the reason if there is one."""
    return f"{logged} {reason}" if reason else logged


def ask(
    model_admin: "ModelAdmin[Any]", request: HttpRequest, **context: Any
) -> HttpResponse:
    """
    Show a page that asks.

    Takes `title`, `original` (the last of the breadcrumbs), `text` (what is about to
    be done), `note`, `form`, `button` and `back` (where "no" leads); `is_dangerous` for
    what cannot be undone.
    """
    return render(model_admin, request, "admin/taskhub/ask.html", **context)
