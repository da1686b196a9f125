"""How bulk actions are shown: the columns of the list, and the fields of a page."""

from django.contrib.admin import display
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin.display import moment
from taskhub.admin.results.selection import describe_selection
from taskhub.exceptions import InvalidOption
from taskhub.models import BulkAction
from taskhub.operations.results import Selection
from taskhub.operations.results.progress import describe_bulk_action


@display(description=gettext_lazy("action"))
def kind(action: BulkAction) -> str:
    return action.get_kind_display()


@display(description=gettext_lazy("progress"))
def progress(action: BulkAction) -> SafeString:
    described = describe_bulk_action(action)
    percent = described["percent"]
    return format_html(
        '<progress class="taskhub-small-bar" max="100"{} aria-label="{}">'
        "</progress> {} {}",
        "" if percent is None else format_html(' value="{}"', percent),
        _("Progress"),
        described["label"],
        described["text"],
    )


@display(description=gettext_lazy("results"))
def selection(action: BulkAction) -> SafeString | str:
    try:
        facts = describe_selection(Selection.from_json(action.selection))
    except InvalidOption as error:
        return str(error)
    return format_html_join("", '<div class="taskhub-fact">{}: {}</div>', facts)


@display(description=gettext_lazy("requested at"), ordering="id")
def requested(action: BulkAction) -> SafeString:
    return moment(action.requested_at)


@display(description=gettext_lazy("requested by"))
def requested_by(action: BulkAction) -> str:
    return action.requested_by


@display(description=gettext_lazy("done"))
def done(action: BulkAction) -> str:
    return f"{action.done:,}"


@display(description=gettext_lazy("finished"))
def finished(action: BulkAction) -> SafeString:
    return moment(action.finished_at)
