"""
Actions: what operators can do to rows.

An action is a button on a row's page, an entry in a list's menu, or both. If it needs a
form or a confirmation, both lead to the page that shows it and then runs the action.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin.addresses import link, row_address, with_filters
from taskhub.admin.responses import redirect_to_list, render
from taskhub.exceptions import TaskHubError
from taskhub.models import TaskResult

Row = TypeVar("Row")
Values = Mapping[str, Any]

#: Only the first rows get a message each; warnings and errors are always shown.
MAX_MESSAGES = 20


class ReasonForm(forms.Form):
    """Ask for a reason, which is added to the entry in the history."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=500,
        widget=AdminTextInputWidget(),
        help_text=gettext_lazy("It is recorded in the history."),
    )

    def __init__(self, rows: Sequence[Any], data: Any = None) -> None:
        super().__init__(data)


@dataclass(frozen=True)
class Outcome:
    """What an action did to one row."""

    message: str
    #: The entry in the row's history; empty if nothing was done.
    log_entry: str = ""
    level: int = messages.SUCCESS
    #: The message ends with a link to this result.
    result: TaskResult | None = None


@dataclass(frozen=True)
class Action(Generic[Row]):
    """
    Something that operators can do to a row.

    `run` takes the row, the cleaned data of the form, and the user's name. It raises
    TaskHubError if the action is not possible now.
    """

    name: str
    label: Promise
    #: The ModelAdmin's has_<permission>_permission() decides who may run it.
    permission: str
    run: Callable[[Row, Values, str], Outcome]
    #: Whether the action makes sense for a row.
    suits: Callable[[Any], bool] = lambda row: True
    #: The label in the menu of the list; None if the menu does not have the action.
    selected_label: Any = None
    #: The text of the page that shows `form`.
    confirmation: Promise | None = None
    #: Called with the rows and the POST data, which is None before the form is sent.
    #: Without a form, the button on a row's page runs the action at once.
    form: Callable[..., forms.Form] | None = None
    is_dangerous: bool = False


def is_allowed(
    model_admin: Any, request: HttpRequest, permission: str, row: Any = None
) -> bool:
    """Return whether the user has a permission, and may view the row or rows."""
    has_permission = getattr(model_admin, f"has_{permission}_permission")
    return bool(
        has_permission(request, row) and model_admin.has_view_permission(request, row)
    )


def require(
    model_admin: Any, request: HttpRequest, permission: str, row: Any = None
) -> None:
    """Raise PermissionDenied if is_allowed() returns False."""
    if not is_allowed(model_admin, request, permission, row):
        raise PermissionDenied


def buttons(model_admin: Any, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
    """Return the buttons of a row's page that the user may see."""
    return [
        button(action, model_admin.action_url(request, action, [row]))
        for action in model_admin.row_actions.values()
        if action.suits(row)
        and is_allowed(model_admin, request, action.permission, row)
    ]


def button(action: Action[Any], url: str) -> dict[str, Any]:
    """Return a button that sends a POST, or a link if the action needs a form."""
    if action.form is None:
        return {"name": action.name, "label": action.label, "url": url}
    return {"name": action.name, "label": f"{action.label}…", "link": url}


def menu_entry(action: Action[Any]) -> Callable[..., HttpResponse | None]:
    """Return the entry of an action in a list's menu, named <name>_selected."""

    def run_on_selected(
        model_admin: Any, request: HttpRequest, rows: Any
    ) -> HttpResponse | None:
        if action.form is not None:
            return redirect(model_admin.action_url(request, action, rows))
        perform(model_admin, request, action, rows)
        return None

    run_on_selected.__name__ = f"{action.name}_selected"
    decorate = admin.action(
        permissions=[action.permission], description=action.selected_label
    )
    entry: Callable[..., HttpResponse | None] = decorate(run_on_selected)
    return entry


def run_row_action(
    model_admin: Any, request: HttpRequest, object_id: str, name: str
) -> HttpResponse:
    """Run an action on one row, for the button on its page."""
    action = model_admin.row_actions.get(name)
    if action is None:
        raise Http404
    row = model_admin.get_object(request, unquote(object_id))
    if row is None:
        return redirect_to_list(model_admin, request)
    require(model_admin, request, action.permission, row)
    url = with_filters(model_admin, request, row_address(model_admin.admin_site, row))
    return confirm_and_run(
        model_admin, request, action, [row], title=f"{action.label}: {row}", back=url
    )


def confirm_and_run(
    model_admin: Any,
    request: HttpRequest,
    action: Action[Any],
    rows: Sequence[Any],
    *,
    title: str,
    back: str,
    note: str = "",
) -> HttpResponse:
    """
    Show the confirmation page (GET), or run the action on the rows (POST).

    The caller has checked the permission. After the action, redirect to `back`. Refuse
    GET if the action has no confirmation text.
    """
    data = request.POST if request.method == "POST" else None
    if data is None and action.confirmation is None:
        return HttpResponseNotAllowed(["POST"])
    form = action.form(rows, data) if action.form else None
    if data is not None and (form is None or form.is_valid()):
        perform(model_admin, request, action, rows, form.cleaned_data if form else {})
        return redirect(back)
    return render(
        model_admin,
        request,
        "admin/taskhub/confirm.html",
        title=title,
        original=title,
        text=action.confirmation,
        note=note,
        form=form,
        button=action.label,
        back=back,
        is_dangerous=action.is_dangerous,
    )


def perform(
    model_admin: Any,
    request: HttpRequest,
    action: Action[Any],
    rows: Iterable[Any],
    values: Values | None = None,
) -> None:
    """
    Run an action on each row, log it, and show the user a message.

    After a TaskHubError, or for a row that no longer exists, show the error and go on.
    """
    values = values or {}
    count = 0
    for count, row in enumerate(rows, start=1):
        try:
            outcome = action.run(row, values, request.user.get_username())
        except (TaskHubError, ObjectDoesNotExist) as error:
            text = f"“{model_admin.name_of(row)}”: {error}"
            outcome = Outcome(text, level=messages.ERROR)
        if outcome.log_entry:
            entry = f"{outcome.log_entry} {values.get('reason', '')}".strip()
            model_admin.log_change(request, row, entry)
        if count <= MAX_MESSAGES or outcome.level >= messages.WARNING:
            text = _message(model_admin, outcome)
            model_admin.message_user(request, text, outcome.level)
    if count > MAX_MESSAGES:
        model_admin.message_user(request, _("%d rows were processed.") % count)


def _message(model_admin: Any, outcome: Outcome) -> str:
    if outcome.result is None:
        return outcome.message
    url = row_address(model_admin.admin_site, outcome.result)
    return format_html("{}: {}.", outcome.message, link(url, _("its result")))
