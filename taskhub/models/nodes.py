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

#: How often a node updates its row. After three times as long it is silent.
PRESENCE_SECONDS = 5.0
_SILENT_AFTER = timedelta(seconds=3 * PRESENCE_SECONDS)


class NodeQuerySet(models.QuerySet["Node", "Node"]):
    """Nodes, by whether they still update their rows."""

    def present(self) -> Self:
        """Return nodes with a recent update, by the database's clock."""
        return self.filter(last_seen_at__gte=DatabaseNow() - _SILENT_AFTER)

    def silent(self) -> Self:
        """Return nodes that were killed, or cannot reach the database."""
        return self.filter(last_seen_at__lt=DatabaseNow() - _SILENT_AFTER)


if TYPE_CHECKING:

    class NodeManager(NodeQuerySet, models.Manager["Node"]):  # type: ignore[misc]
        """The class of the manager from `as_manager()`, for type checkers."""


class Node(TaskHubModel):
    """
    One invocation of `taskworker`. Its steward updates the row every few seconds.

    The row is for people and the sweep. Messages depend on the broker's leases.
    """

    name = NameField(_("name"), primary_key=True, max_length=100)
    backend = NameField(_("backend"), max_length=100)
    host = models.CharField(_("host"), max_length=100)
    pid = models.PositiveIntegerField(_("process id"))
    queues = models.JSONField(_("queues"), default=list)
    #: How many worker processes the node should have. `workers` has the actual ones.
    processes = models.PositiveSmallIntegerField(_("processes"))
    threads = models.PositiveSmallIntegerField(_("threads"))
    async_tasks = models.PositiveIntegerField(_("async tasks"))
    #: A dict for each worker process: token, pid, memory_mib, lingering (lingering.py).
    workers = models.JSONField(_("workers"), default=list)
    #: Memory of all processes, in MiB.
    memory_mib = models.PositiveIntegerField(_("memory"), default=0)
    version = models.CharField(_("version"), max_length=50)
    #: Requests of operators, which the node obeys within two seconds.
    wanted_processes = models.PositiveSmallIntegerField(
        _("requested processes"), null=True
    )
    is_quiet = models.BooleanField(_("quiet"), default=False)
    is_to_stop = models.BooleanField(_("stopping"), default=False)
    started_at = models.DateTimeField(_("started"))
    #: By the database's clock.
    last_seen_at = models.DateTimeField(_("last seen"))

    objects: ClassVar["NodeManager"] = NodeQuerySet.as_manager()  # type: ignore[assignment]
    writing: ClassVar["NodeManager"] = WritingManager.of(NodeQuerySet)

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
        """The lingering runs of its processes."""
        return [
            run for worker in self.workers for run in read_entries(self.name, worker)
        ]
