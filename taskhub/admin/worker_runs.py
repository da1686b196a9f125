"""What processes still run though nobody waits for it, as pages show it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.translation import gettext as _

from taskhub.admin import display as markup
from taskhub.admin.addresses import row_address
from taskhub.admin.neighbours import rows_of
from taskhub.models import Node, TaskResult
from taskhub.models.results.lingering import LingeringRun
from taskhub.operations.results.selection import is_restricted


@dataclass(frozen=True)
class LingeringOnPage:
    """A function that still runs though nobody waits for its outcome."""

    #: Of the result's page; empty if there is none.
    url: str
    task: str
    #: Why, and for how long by now.
    text: str


def in_words(run: LingeringRun, now: datetime) -> str:
    """Return why nobody waits for a run, and for how long it has run in vain."""
    return _("%(because)s, still running for %(duration)s") % {
        "because": run.because.label,
        "duration": markup.duration(max(now, run.since) - run.since),
    }


def lingering_by_token(
    site: AdminSite, request: HttpRequest, nodes: Iterable[Node], now: datetime
) -> dict[str, list[LingeringOnPage]]:
    """
    Return what the processes of these nodes still run in vain, by their tokens.

    Of the results that somebody may see; with one query, if there are any.
    """
    runs = [run for node in nodes for run in node.lingering_runs]
    if not runs:
        return {}
    results = rows_of(site, request, TaskResult)
    seen: dict[UUID, TaskResult] = results.only("id").in_bulk([run.id for run in runs])
    sees_all = not is_restricted(results)
    shown: dict[str, list[LingeringOnPage]] = defaultdict(list)
    for run in runs:
        row = seen.get(run.id)
        if row is None and not sees_all:
            continue
        shown[run.token].append(
            LingeringOnPage(
                url=row_address(site, row) if row else "",
                task=run.task_path.rpartition(".")[2] or str(run.id),
                text=in_words(run, now),
            )
        )
    return shown
