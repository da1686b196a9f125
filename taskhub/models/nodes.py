"""Nodes, and whose turn it is to do what only one of them does at a time."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone
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
    wanted_processes = models.PositiveSmallIntegerField(_("asked for"), null=True)
    is_quiet = models.BooleanField(_("quiet"), default=False)
    is_to_stop = models.BooleanField(_("to stop"), default=False)
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


class Turn(TaskHubModel):
    """Whose turn it is to do something that one node at a time is to do."""

    name = NameField(primary_key=True, max_length=100)
    holder = NameField(max_length=100)
    #: By the database's clock.
    ends_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            ReadableTimes(fields=["ends_at"], name="taskhub_times_of_turns"),
        ]

    def __str__(self) -> str:
        return self.name


def database_now(using: str) -> datetime:
    """Return the time by the database's clock; by ours before the first turn."""
    turns = (
        Turn.objects.using(using)
        .annotate(now=DatabaseNow())
        .values_list("now", flat=True)
    )
    return turns.first() or timezone.now()


def take_turn(name: str, holder: str, *, seconds: float, using: str) -> bool:
    """
    Take a turn, or go on with it, for so many seconds; False if somebody else has it.

    A turn only saves work: what is done under it stays right if two have it.
    """
    ends_at = DatabaseNow() + timedelta(seconds=seconds)
    mine_or_over = Q(holder=holder) | Q(ends_at__lt=DatabaseNow())
    turns = Turn.objects.using(using)
    if turns.filter(mine_or_over, name=name).update(holder=holder, ends_at=ends_at):
        return True
    if turns.filter(name=name).exists():
        return False
    try:
        with transaction.atomic(using=using):
            turns.create(name=name, holder=holder, ends_at=ends_at)
    except IntegrityError:
        # Somebody was faster.
        return False
    return True
