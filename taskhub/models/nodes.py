"""Nodes: invocations of `taskworker`."""

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from taskhub.models.base import TaskHubModel, WritingManager
from taskhub.models.clock import DatabaseNow
from taskhub.models.constraints import ReadableTimes
from taskhub.models.fields.names import NameField
from taskhub.models.results.lingering import LingeringRun, read_entries

#: A node tells of itself so often; after three times as long it is silent.
PRESENCE_SECONDS = 5.0
_SILENT_AFTER = timedelta(seconds=3 * PRESENCE_SECONDS)


class NodeQuerySet(models.QuerySet["Node", "Node"]):
    """Nodes, by whether they still tell of themselves."""

    def present(self) -> Self:
        """Those that have told of themselves a moment ago, by the database's clock."""
        return self.filter(last_seen_at__gte=DatabaseNow() - _SILENT_AFTER)

    def silent(self) -> Self:
        """Those that have ended without saying so, or cannot reach the database."""
        return self.filter(last_seen_at__lt=DatabaseNow() - _SILENT_AFTER)


if TYPE_CHECKING:

    class NodeManager(NodeQuerySet, models.Manager["Node"]):  # type: ignore[misc]
        """What `as_manager()` makes, as every type checker understands it."""


class Node(TaskHubModel):
    """
    One invocation of `taskworker`, as its steward tells of it every few seconds.

    For people, and for the sweep, which asks whether a worker still lives. Nothing is
    delivered by it: leases are the broker's.
    """

    name = NameField(_("name"), primary_key=True, max_length=100)
    backend = NameField(_("backend"), max_length=100)
    host = models.CharField(_("host"), max_length=100)
    pid = models.PositiveIntegerField(_("process id"))
    queues = models.JSONField(_("queues"), default=list)
    #: How many there are to be; those that there are, are in `workers`.
    processes = models.PositiveSmallIntegerField(_("processes"))
    threads = models.PositiveSmallIntegerField(_("threads"))
    async_tasks = models.PositiveIntegerField(_("async tasks"))
    #: A list with a dict for each worker process: `token`, `pid`, `memory_mib`, and
    #: `lingering`; see lingering.py.
    workers = models.JSONField(_("workers"), default=list)
    #: Of all its processes, in MiB.
    memory_mib = models.PositiveIntegerField(_("memory"), default=0)
    version = models.CharField(_("version"), max_length=50)
    #: What somebody has asked of it: how many processes to have, to take nothing new,
    #: to end. Its steward sees to that within two seconds.
    wanted_processes = models.PositiveSmallIntegerField(
        _("requested processes"), null=True
    )
    is_quiet = models.BooleanField(_("quiet"), default=False)
    is_to_stop = models.BooleanField(_("stopping"), default=False)
    started_at = models.DateTimeField(_("started"))
    #: By the database's clock.
    last_seen_at = models.DateTimeField(_("last seen"))

    objects: ClassVar["NodeManager"] = NodeQuerySet.as_manager()  # type: ignore[assignment]
    writing: ClassVar["NodeManager"] = WritingManager.from_queryset(  # type: ignore[assignment]
        NodeQuerySet
    )()

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("nodes")
        permissions: ClassVar = [
            ("operate_node", _("Can quiet, resize and stop nodes")),
        ]
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            ReadableTimes(
                fields=["started_at", "last_seen_at"], name="taskhub_times_of_nodes"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tokens(self) -> list[str]:
        """The tokens under which its processes hold messages."""
        return [worker["token"] for worker in self.workers]

    @property
    def lingering_runs(self) -> list[LingeringRun]:
        """What its processes still run though nobody waits for the outcome."""
        return [
            run for worker in self.workers for run in read_entries(self.name, worker)
        ]
