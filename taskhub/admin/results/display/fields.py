"""How a result is shown: columns of the list, and the fields of its page."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin import display as markup
from taskhub.admin.addresses import link, row_address
from taskhub.admin.results.display import (
    children as family,
)
from taskhub.admin.results.display import (
    lingering_runs as lingering,
)
from taskhub.admin.results.display.attempts import attempts
from taskhub.admin.results.display.fieldsets import log_of
from taskhub.admin.results.display.tracebacks import failures
from taskhub.models import TaskResult
from taskhub.tasks.masking import masked


class Columns:
    """The columns of the list."""

    @admin.display(description=gettext_lazy("task"))
    def task(self, row: TaskResult) -> SafeString:
        return markup.short_path(row.task_path)

    @admin.display(description=gettext_lazy("status"))
    def badge(self, row: TaskResult) -> SafeString:
        return format_html("{} {}", markup.badge(row.status), lingering.mark(row))

    @admin.display(description=gettext_lazy("enqueued"), ordering="id")
    def enqueued(self, row: TaskResult) -> SafeString:
        return markup.moment(row.enqueued_at)

    @admin.display(description=gettext_lazy("waited"))
    def waited(self, row: TaskResult) -> str:
        return markup.duration(row.waited)

    @admin.display(description=gettext_lazy("ran"))
    def ran(self, row: TaskResult) -> str:
        return markup.duration(row.ran)


class Fields:
    """What the page of a result shows."""

    admin_site: AdminSite

    @admin.display(description=gettext_lazy("still run by"))
    def still_run_by(self, row: TaskResult) -> SafeString:
        return lingering.place(self.admin_site, row)

    @admin.display(description=gettext_lazy("positional"))
    def shown_args(self, row: TaskResult) -> SafeString:
        args, _kwargs = masked(row.task_path, row.args, row.kwargs)
        return markup.pretty_json(args)

    @admin.display(description=gettext_lazy("by keyword"))
    def shown_kwargs(self, row: TaskResult) -> SafeString:
        _args, kwargs = masked(row.task_path, row.args, row.kwargs)
        return markup.pretty_json(kwargs)

    @admin.display(description=gettext_lazy("return value"))
    def shown_return_value(self, row: TaskResult) -> SafeString:
        return markup.pretty_json(row.return_value)

    @admin.display(description=gettext_lazy("errors"))
    def shown_errors(self, row: TaskResult) -> SafeString:
        return failures(row.errors)

    @admin.display(description=gettext_lazy("progress"))
    def shown_progress(self, row: TaskResult) -> SafeString:
        return markup.progress(row.progress or {})

    @admin.display(description=gettext_lazy("stored"))
    def shown_notes(self, row: TaskResult) -> str:
        notes: dict[str, str] = row.storage_notes
        sentences = [
            _("Escaped: %s.") % notes["escaped"] if "escaped" in notes else "",
            _("Keys merged: %s.") % notes["merged"] if "merged" in notes else "",
            notes.get("truncated", ""),
        ]
        return " ".join(filter(None, sentences))

    @admin.display(description=gettext_lazy("one by one"))
    def life(self, row: TaskResult) -> SafeString:
        return attempts(row)

    @admin.display(description=gettext_lazy("memory"))
    def memory(self, row: TaskResult) -> str:
        return markup.NOTHING if row.memory_mib is None else f"{row.memory_mib:,} MiB"

    @admin.display(description=gettext_lazy("lines"))
    def log(self, row: TaskResult) -> Any:
        return log_of(row)

    @admin.display(description=gettext_lazy("in order"))
    def timeline(self, row: TaskResult) -> SafeString:
        return markup.timeline(
            [
                (_("Enqueued"), row.enqueued_at),
                (_("Due"), row.run_after),
                (_("Started"), row.started_at),
                (
                    _("Last attempted"),
                    row.last_attempted_at if row.attempts > 1 else None,
                ),
                (_("Finished"), row.finished_at),
                (_("Expires"), row.expires_at),
            ]
        )

    @admin.display(description=gettext_lazy("periodic task"))
    def schedule(self, row: TaskResult) -> SafeString:
        if row.periodic_task is None:
            return format_html("{}", markup.NOTHING)
        return link(row_address(self.admin_site, row.periodic_task), row.periodic_task)

    @admin.display(description=gettext_lazy("for its run of"))
    def tick(self, row: TaskResult) -> SafeString | str:
        if row.tick_at is None:
            return _("none: it was asked for by hand")
        return markup.moment(row.tick_at)

    @admin.display(description=gettext_lazy("enqueued by the run of"))
    def parent(self, row: TaskResult) -> SafeString | str:
        return family.link_to(self.admin_site, row.parent_id)

    @admin.display(description=gettext_lazy("last results"))
    def children(self, row: TaskResult) -> SafeString:
        return family.children(self.admin_site, row)

    @admin.display(description=gettext_lazy("enqueued by hand by"))
    def asked_by(self, row: TaskResult) -> str:
        return str(row.meta.get("enqueued_by", markup.NOTHING))

    @admin.display(description=gettext_lazy("instead of"))
    def instead_of(self, row: TaskResult) -> SafeString | str:
        return family.link_to(self.admin_site, row.meta.get("instead_of"))

    @admin.display(description=gettext_lazy("workers"))
    def workers(self, row: TaskResult) -> str:
        return ", ".join(row.worker_ids) or markup.NOTHING

    @admin.display(description=gettext_lazy("meta"))
    def shown_meta(self, row: TaskResult) -> SafeString:
        return markup.pretty_json(row.meta)
