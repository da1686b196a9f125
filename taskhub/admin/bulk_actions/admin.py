"""The pages of bulk actions: what was asked for, by whom, and how far it is."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin import display as markup
from taskhub.admin.actions import Doing
from taskhub.admin.changelist import Listed
from taskhub.admin.done import Done
from taskhub.admin.model_admin import ReadOnly
from taskhub.admin.paginator import BoundedPaginator
from taskhub.admin.progress import Live
from taskhub.admin.results.selection import words_of
from taskhub.admin.verbs import Verb
from taskhub.exceptions import InvalidOption
from taskhub.models import BulkAction, Node
from taskhub.operations.results import Selection
from taskhub.operations.results.progress import describe_bulk_action


def _stop(action: BulkAction, by: str) -> Done:
    if not operations.results.stop_bulk(action, by=by):
        return Done(_("It was over before."), level=messages.WARNING)
    return Done(_("It was stopped; what it has done stays."), _("Stopped."))


@admin.register(BulkAction)
class BulkActionAdmin(ReadOnly, Doing, Live, Listed, admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only, but for a button that stops it."""

    verbs: ClassVar = {
        "stop": Verb(
            "stop",
            gettext_lazy("Stop"),
            "stop",
            _stop,
            lambda action: action.finished_at is None,
        )
    }
    list_display = ("what", "how_far", "of_which", "asked_by", "asked")
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ("asked",)
    actions = None
    fields = (
        "what",
        "of_which",
        ("per_second", "by_force"),
        ("asked_by", "asked"),
        ("shown_done", "expected"),
        ("finished", "stopped_by"),
    )
    change_form_template = "admin/taskhub/bulkaction/change_form.html"

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/results.css")
        }
        js: ClassVar = ("taskhub/progress.js", "taskhub/result.js")

    # What one may do.

    def has_view_permission(
        self, request: HttpRequest, obj: BulkAction | None = None
    ) -> bool:
        # Whoever may see results may see what is being done to them.
        return super().has_view_permission(request, obj) or request.user.has_perm(
            "taskhub.view_taskresult"
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or self.has_view_permission(
            request
        )

    def has_stop_permission(
        self, request: HttpRequest, obj: BulkAction | None = None
    ) -> bool:
        """Whether somebody may do such a thing, and so may put an end to it."""
        return obj is not None and request.user.has_perm(
            f"taskhub.{obj.kind}_taskresult"
        )

    # How it is shown.

    def tell(self, row: BulkAction) -> dict[str, Any]:
        told = describe_bulk_action(row)
        return {**told, "state": f"{told['status']}"}

    def get_readonly_fields(
        self, request: HttpRequest, obj: BulkAction | None = None
    ) -> list[str]:
        return admin.utils.flatten(self.fields)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        action = options.get("obj")
        if action is not None:
            is_open = action.finished_at is None
            context |= {
                "buttons": self.buttons(request, action),
                "progress": self.following(action),
                "is_nobody_there": is_open and not Node.objects.present().exists(),
            }
        return super().render_change_form(request, context, *args, **options)

    @admin.display(description=gettext_lazy("what"))
    def what(self, action: BulkAction) -> str:
        return action.get_kind_display()

    @admin.display(description=gettext_lazy("how far"))
    def how_far(self, action: BulkAction) -> SafeString:
        told = describe_bulk_action(action)
        share = told["percent"]
        return format_html(
            '<progress class="taskhub-small-bar" max="100"{} aria-label="{}">'
            "</progress> {} {}",
            "" if share is None else format_html(' value="{}"', share),
            _("Progress"),
            told["label"],
            told["text"],
        )

    @admin.display(description=gettext_lazy("of which results"))
    def of_which(self, action: BulkAction) -> SafeString | str:
        try:
            words = words_of(Selection.from_json(action.selection))
        except InvalidOption as error:
            return str(error)
        return format_html_join("", '<div class="taskhub-fact">{}: {}</div>', words)

    @admin.display(description=gettext_lazy("asked for"), ordering="id")
    def asked(self, action: BulkAction) -> SafeString:
        return markup.moment(action.asked_at)

    @admin.display(description=gettext_lazy("done"))
    def shown_done(self, action: BulkAction) -> str:
        return f"{action.done:,}"

    @admin.display(description=gettext_lazy("finished"))
    def finished(self, action: BulkAction) -> SafeString:
        return markup.moment(action.finished_at)
