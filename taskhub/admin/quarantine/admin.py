"""The pages of quarantined messages: what came, why it was not run, and what now."""

from hashlib import sha256
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from taskhub import operations
from taskhub.admin import display as markup
from taskhub.admin import gone
from taskhub.admin.addresses import (
    address,
    list_address,
    row_address,
    with_filters,
)
from taskhub.admin.changelist import Listed
from taskhub.admin.model_admin import Unedited
from taskhub.admin.paginator import BoundedPaginator
from taskhub.exceptions import TaskHubError
from taskhub.models import QuarantinedMessage
from taskhub.operations.quarantine import Inspection
from taskhub.tasks.masking import masked

#: So many are pushed with one click, and told of one by one.
_MOST_PUSHED = 100


@admin.register(QuarantinedMessage)
class QuarantinedMessageAdmin(Unedited, Listed, admin.ModelAdmin):  # type: ignore[type-arg]
    """A message is not edited: it is pushed once more as it is, or deleted."""

    list_display = ("message_id", "queue_name", "reason", "quarantined")
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ("quarantined",)
    search_fields = ("message_id", "reason")
    actions = ("push_selected",)
    change_form_template = "admin/taskhub/with_buttons.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "reason",
                    "verdict",
                    ("message_id", "queue_name"),
                    ("worker_id", "quarantined"),
                )
            },
        ),
        (gettext_lazy("What it says"), {"fields": ("decoded", "shown_body")}),
    )

    class Media:
        css: ClassVar = {
            "all": (
                "taskhub/admin.css",
                "taskhub/parts.css",
            )
        }

    # What one may do.

    def has_push_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may push messages once more."""
        return request.user.has_perm("taskhub.retry_quarantinedmessage")

    # How it is shown.

    def get_queryset(self, request: HttpRequest) -> QuerySet[QuarantinedMessage]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match and match.url_name == "taskhub_quarantinedmessage_changelist"
        # A page of bodies would be 100 MiB.
        return rows.defer("body") if is_list else rows

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        message = options.get("obj")
        if message is not None and self.has_push_permission(request):
            url = address(self.admin_site, "quarantinedmessage_push", message.pk)
            url = with_filters(self, request, url)
            context["buttons"] = [{"name": "push", "label": _("Try again"), "url": url}]
        return super().render_change_form(request, context, *args, **options)

    @admin.display(description=gettext_lazy("quarantined"), ordering="id")
    def quarantined(self, message: QuarantinedMessage) -> SafeString:
        return markup.moment(message.quarantined_at)

    @admin.display(description=gettext_lazy("by now"))
    def verdict(self, message: QuarantinedMessage) -> str:
        if fault := _inspect(message).fault:
            return _("It would be refused again: %s") % fault
        return _("A worker would take it.")

    @admin.display(description=gettext_lazy("read"))
    def decoded(self, message: QuarantinedMessage) -> SafeString | str:
        said = _inspect(message).message
        if said is None:
            return _("It cannot be read. Its bytes are not shown.")
        args, kwargs = masked(said.task_path, said.args, said.kwargs)
        return markup.pretty_json(
            {
                "task_path": said.task_path,
                "args": args,
                "kwargs": kwargs,
                "queue_name": said.queue_name,
                "priority": said.priority,
                "backend": said.backend,
                "enqueued_at": said.enqueued_at.isoformat(),
                "durable": said.durable,
                "meta": said.meta,
            }
        )

    @admin.display(description=gettext_lazy("bytes"))
    def shown_body(self, message: QuarantinedMessage) -> SafeString:
        # Not the bytes: where they cannot be decoded, nobody knows what to mask.
        body = bytes(message.body)
        return format_html(
            '{} <code class="taskhub-digest">{}</code>',
            _("%s bytes, SHA-256") % f"{len(body):,}",
            sha256(body).hexdigest(),
        )

    # What is done.

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.push_view)
        name = "taskhub_quarantinedmessage_push"
        url = path("<path:object_id>/push/", view, name=name)
        return [url, *super().get_urls()]

    @admin.action(
        permissions=["push"], description=gettext_lazy("Try the selected again")
    )
    def push_selected(
        self, request: HttpRequest, rows: QuerySet[QuarantinedMessage]
    ) -> None:
        """Push what is selected, each on its own: what one refuses, others may do."""
        # One body at a time.
        for pk in rows.values_list("pk", flat=True)[:_MOST_PUSHED]:
            if (message := rows.filter(pk=pk).defer(None).first()) is not None:
                self._push(request, message)

    @method_decorator(require_POST)
    def push_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Push one message once more."""
        message = self.get_object(request, unquote(object_id))
        if message is None:
            return gone.to_list(self, request)
        if not (
            self.has_push_permission(request)
            and self.has_view_permission(request, message)
        ):
            raise PermissionDenied
        if self._push(request, message):
            return redirect(list_address(self, request))
        url = row_address(self.admin_site, message)
        return redirect(with_filters(self, request, url))

    def _push(self, request: HttpRequest, message: QuarantinedMessage) -> bool:
        try:
            operations.quarantine.push(message)
        except TaskHubError as error:
            text = f"“{message.message_id}”: {error}"
            self.message_user(request, text, messages.ERROR)
            return False
        self.log_change(request, message, _("Pushed once more."))
        text = _("“%(id)s” is in “%(queue)s” once more.")
        details = {"id": message.message_id, "queue": message.queue_name}
        self.message_user(request, text % details, messages.SUCCESS)
        return True


def _inspect(message: QuarantinedMessage) -> Inspection:
    """Look at a message once, for all that is shown of it."""
    row: Any = message
    if not hasattr(row, "inspected"):
        row.inspected = operations.quarantine.inspect(message)
    inspected: Inspection = row.inspected
    return inspected
