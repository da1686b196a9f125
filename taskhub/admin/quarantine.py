"""The pages of quarantined messages."""

from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from taskhub.admin import markup
from taskhub.admin.paging import BoundedPaginator
from taskhub.models import QuarantinedMessage

_SHOWN_BYTES = 4_096


@admin.register(QuarantinedMessage)
class QuarantinedMessageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only but for delete: what came, and why it was not run."""

    list_display = ("message_id", "queue_name", "reason", "quarantined")
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ("quarantined",)
    search_fields = ("message_id", "reason")
    fields = (
        "message_id",
        "queue_name",
        "reason",
        "shown_body",
        "worker_id",
        "quarantined",
    )

    class Media:
        css: ClassVar = {"all": ("taskhub/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: QuarantinedMessage | None = None
    ) -> bool:
        return False

    @admin.display(description=gettext_lazy("quarantined"), ordering="id")
    def quarantined(self, message: QuarantinedMessage) -> SafeString:
        return markup.moment(message.quarantined_at)

    @admin.display(description=gettext_lazy("body"))
    def shown_body(self, message: QuarantinedMessage) -> SafeString:
        body = bytes(message.body)
        text = body[:_SHOWN_BYTES].decode(errors="backslashreplace")
        more = len(body) - _SHOWN_BYTES
        return format_html(
            '<pre class="taskhub-code">{}</pre>{}',
            text,
            f"… {more:,} bytes more" if more > 0 else "",
        )
