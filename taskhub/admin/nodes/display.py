"""How nodes are shown: the columns of the list, and the fields of a node's page."""

from typing import Any

from django.contrib.admin import AdminSite, display
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin.addresses import link, row_address
from taskhub.admin.display import duration, moment
from taskhub.admin.worker_runs import LingeringOnPage
from taskhub.models import Node, TaskResult

#: The label of each state, and the status whose colour it has.
STATES: dict[str, tuple[Promise, str]] = {
    "silent": (gettext_lazy("Silent"), "failed"),
    "stopping": (gettext_lazy("Stopping"), "cancelled"),
    "quiet": (gettext_lazy("Quiet"), "cancelled"),
    "present": (gettext_lazy("Present"), "successful"),
}


def state_of(node: Node, *, is_silent: bool) -> str:
    """Return the state of a node, a key of STATES."""
    if is_silent:
        return "silent"
    if node.is_to_stop:
        return "stopping"
    return "quiet" if node.is_quiet else "present"


@display(description=gettext_lazy("state"))
def presence(node: Any) -> SafeString:
    label, colour = STATES[state_of(node, is_silent=node.is_silent)]
    return format_html(
        '<span class="taskhub-status taskhub-{}">{}</span>', colour, label
    )


@display(description=gettext_lazy("queues"))
def shown_queues(node: Node) -> str:
    return ", ".join(node.queues)


@display(description=gettext_lazy("processes"))
def shown_processes(node: Node) -> str:
    return _("%(there)d of %(wanted)d") % {
        "there": len(node.workers),
        "wanted": node.processes,
    }


@display(description=gettext_lazy("memory"))
def memory(node: Node) -> str:
    return f"{node.memory_mib} MiB"


@display(description=gettext_lazy("started"))
def started(node: Node) -> SafeString:
    return moment(node.started_at)


@display(description=gettext_lazy("last seen"))
def seen(node: Node) -> SafeString:
    return moment(node.last_seen_at)


def worker_processes(site: AdminSite, node: Any) -> SafeString:
    """Return the worker processes of a node with their runs."""
    return format_html_join(
        "",
        '<div class="taskhub-process">{} &middot; {} {} &middot; {} MiB{}</div>',
        (
            (
                each["token"],
                _("process"),
                each["pid"],
                each["memory_mib"],
                runs_of(site, node.runs[each["token"]], node.lingering[each["token"]]),
            )
            for each in node.workers
        ),
    )


def runs_of(
    site: AdminSite, running: list[TaskResult], lingering: list[LingeringOnPage]
) -> SafeString:
    """Return running and lingering tasks as links, each with its duration so far."""
    now = timezone.now()
    return format_html_join(
        "",
        '<div class="taskhub-time">{} {}</div>',
        (
            (
                link(row_address(site, run), run.task_path.rpartition(".")[2]),
                duration(now - (run.last_attempted_at or now)),
            )
            for run in running
        ),
    ) + format_html_join(
        "",
        '<div class="taskhub-time">{} '
        '<span class="taskhub-mark taskhub-cancelled">{}</span></div>',
        ((link(run.url, run.task), run.text) for run in lingering),
    )
