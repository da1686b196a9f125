"""The admin of quarantined messages."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from taskhub import operations
from taskhub.admin.actions import Action, Outcome, Values, buttons, perform, require
from taskhub.admin.addresses import (
    address,
    list_address,
    row_address,
    with_filters,
)
from taskhub.admin.model_admin import ReadOnlyModelAdmin
from taskhub.admin.permissions import has_perm
from taskhub.admin.quarantine import display
from taskhub.admin.responses import redirect_to_list
from taskhub.models import QuarantinedMessage

#: The menu of the list retries at most this many messages.
MAX_RETRIED_MESSAGES = 100


def _retry(message: QuarantinedMessage, values: Values, by: str) -> Outcome:
    operations.quarantine.push(message)
    text = _("“%(id)s” was pushed to “%(queue)s” again.")
    details = {"id": message.message_id, "queue": message.queue_name}
    return Outcome(text % details, _("Retried."))


RETRY = Action("push", gettext_lazy("Retry"), "push", _retry)


@admin.register(QuarantinedMessage)
class QuarantinedMessageAdmin(ReadOnlyModelAdmin):
    """Messages can be retried and deleted, but not edited."""

    may_delete = True
    row_actions: ClassVar = {RETRY.name: RETRY}
    list_display = ("message_id", "queue_name", "reason", display.quarantined)
    sortable_by: ClassVar[Any] = (display.quarantined,)
    search_fields = ("message_id", "reason")
    actions = ("push_selected",)
    change_form_template = "admin/taskhub/with_buttons.html"
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": (
                    "reason",
                    display.verdict,
                    ("message_id", "queue_name"),
                    ("worker_id", display.quarantined),
                )
            },
        ),
        (gettext_lazy("Message"), {"fields": (display.decoded, display.digest)}),
    )
    readonly_fields = tuple(admin.utils.flatten_fieldsets(fieldsets))

    class Media:
        css: ClassVar = {"all": ("taskhub/admin.css", "taskhub/parts.css")}

    has_push_permission = has_perm("retry_quarantinedmessage")

    def get_queryset(self, request: HttpRequest) -> QuerySet[QuarantinedMessage]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match and match.url_name == "taskhub_quarantinedmessage_changelist"
        # The bodies of the rows of one page may have 100 MiB.
        return rows.defer("body") if is_list else rows

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        if (message := options.get("obj")) is not None:
            context["buttons"] = buttons(self, request, message)
        return super().render_change_form(request, context, *args, **options)

    def action_urls(self) -> list[URLPattern]:
        route = "<path:object_id>/push/"
        return [self.view_path(route, retry_message, "push", require_POST)]

    def action_url(self, request: HttpRequest, action: Action[Any], rows: Any) -> str:
        url = address(self.admin_site, "quarantinedmessage_push", rows[0].pk)
        return with_filters(self, request, url)

    @admin.action(permissions=["push"], description=gettext_lazy("Retry the selected"))
    def push_selected(
        self, request: HttpRequest, rows: QuerySet[QuarantinedMessage]
    ) -> None:
        """Retry the selected messages one after the other."""
        perform(self, request, RETRY, _one_by_one(rows))


def _one_by_one(rows: QuerySet[QuarantinedMessage]) -> Iterator[QuarantinedMessage]:
    """Yield messages with their bodies; only one body is in memory at a time."""
    for pk in rows.values_list("pk", flat=True)[:MAX_RETRIED_MESSAGES]:
        if (message := rows.filter(pk=pk).defer(None).first()) is not None:
            yield message


def retry_message(
    model_admin: QuarantinedMessageAdmin, request: HttpRequest, object_id: str
) -> HttpResponse:
    """Retry a message. Redirect to its page, or to the list if it left quarantine."""
    message = model_admin.get_object(request, unquote(object_id))
    if message is None:
        return redirect_to_list(model_admin, request)
    require(model_admin, request, RETRY.permission, message)
    perform(model_admin, request, RETRY, [message])
    if not QuarantinedMessage.writing.filter(pk=message.pk).exists():
        return redirect(list_address(model_admin, request))
    url = row_address(model_admin.admin_site, message)
    return redirect(with_filters(model_admin, request, url))
