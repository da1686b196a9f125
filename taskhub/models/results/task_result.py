"""`TaskResult`: one run asked for, and what became of it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from taskhub.models.base import WritingManager
from taskhub.models.clock import DatabaseNow
from taskhub.models.constraints import (
    PartialIndex,
    PartialUniqueConstraint,
    ReadableTimes,
)
from taskhub.models.fields.exact_json import ExactJSONField
from taskhub.models.fields.names import NameField
from taskhub.models.fields.shaped_json import ShapedJSONField, is_odd
from taskhub.models.ids import new_id
from taskhub.models.results.carried import Carried
from taskhub.models.results.outcome import outcome_of
from taskhub.models.results.querysets import TaskResultQuerySet
from taskhub.models.results.statuses import UNFINISHED_STATUSES, Place, Status
from taskhub.models.results.waiting import await_for, wait_for
from taskhub.models.shared_row import WRITTEN_BY_WORKERS, SharedRow

if TYPE_CHECKING:
    from taskhub.models.results.querysets import TaskResultManager

#: Every column has a default in the database, too, so that a write need only name the
#: columns that it is about: see slices.py.
_EMPTY_LIST = Value([], ExactJSONField())
_EMPTY_DICT = Value({}, ExactJSONField())


class TaskResult(Carried, SharedRow):
    """
    One run asked for: a row from the moment it was enqueued.

    Short tasks go from READY to finished in one write; a longer one is marked RUNNING.
    Times are aware and, but for `enqueued_at` and `run_after`, told by the worker.
    """

    written_by_processes = WRITTEN_BY_WORKERS

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: Dotted path of the task's function.
    task_path = NameField(_("task"), max_length=255, db_default="")
    queue_name = NameField(_("queue"), max_length=100, db_default="")
    #: Alias of the tasks backend, a key of `TASKS`.
    backend = NameField(_("backend"), max_length=100, db_default="")
    #: -100 to 100, higher goes first.
    priority = models.SmallIntegerField(_("priority"), default=0, db_default=0)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=Status,
        default=Status.READY,
        db_default=Status.READY,
    )
    args = ExactJSONField(
        _("positional arguments"), kind="list", default=list, db_default=_EMPTY_LIST
    )
    kwargs = ExactJSONField(
        _("keyword arguments"), kind="object", default=dict, db_default=_EMPTY_DICT
    )
    return_value = ExactJSONField(_("return value"), null=True)
    #: A list with a dict for each attempt that failed: `attempt`, `failed_at` (ISO
    #: 8601), `due_at`, `started_at`, `exception_class_path`, `message`, `traceback`.
    errors = ShapedJSONField(
        _("errors"), kind="list of objects", default=list, db_default=_EMPTY_LIST
    )
    #: How many attempts were begun; what the fence compares.
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    #: Who began them, in order.
    worker_ids = ShapedJSONField(
        _("workers"), kind="list of texts", default=list, db_default=_EMPTY_LIST
    )

    enqueued_at = models.DateTimeField(
        _("enqueued"), default=timezone.now, db_default=DatabaseNow()
    )
    #: When the last attempt, or the one to come, was due; None: when it was enqueued.
    #: Each retry moves it on: after a failure, a worker's death, or by people.
    run_after = models.DateTimeField(_("run after"), null=True)
    #: Not to be started any more from then on.
    expires_at = models.DateTimeField(_("expires"), null=True)
    #: When the first attempt began.
    started_at = models.DateTimeField(_("started"), null=True)
    last_attempted_at = models.DateTimeField(_("last attempted"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    #: What the running task last said: `done`, `total` (or null), `message`.
    progress = ShapedJSONField(_("progress"), kind="object", null=True)
    #: The user's own notes, from `using(meta=…)`.
    meta = ExactJSONField(
        _("meta"), kind="object", default=dict, db_default=_EMPTY_DICT
    )
    #: What had to be changed for the return value to be stored: `escaped` and
    #: `truncated`, a sentence each.
    storage_notes = ShapedJSONField(
        _("storage notes"), kind="object", default=dict, db_default=_EMPTY_DICT
    )

    #: Of the process that ran it, in MiB when it ended; only for runs that last.
    memory_mib = models.PositiveIntegerField(_("memory"), null=True)
    #: The result whose run has enqueued this one, if one has.
    parent_id = models.UUIDField(_("parent"), null=True, editable=False)
    #: Of a failure: the same for the same exception at the same place in the code.
    cause = models.CharField(
        _("cause"), max_length=32, default="", db_default="", blank=True, editable=False
    )
    #: The ids of the last bulk actions that have tried it again or cancelled it; null
    #: if none has.
    bulk_action_ids = ShapedJSONField(kind="list", null=True, editable=False)
    #: The schedule that has fired it, if one has.
    periodic_task = models.ForeignKey(
        "taskhub.PeriodicTask",
        models.SET_NULL,
        null=True,
        related_name="results",
        # The constraint's index begins with it.
        db_index=False,
        verbose_name=_("periodic task"),
    )
    #: The due time that its schedule fired it for; None for a run that was asked for
    #: by hand.
    tick_at = models.DateTimeField(_("tick"), null=True)

    # What follows belongs to the database broker; with another one it stays as it is.
    place = models.CharField(
        max_length=7,
        choices=Place,
        default=Place.NOWHERE,
        db_default=Place.NOWHERE,
        blank=True,
        editable=False,
    )
    #: The token of the process that holds the message.
    held_by = NameField(
        max_length=100, default="", db_default="", blank=True, editable=False
    )
    #: How the message came back, if it may have been started: see messages.Returned.
    returned = NameField(
        max_length=110, default="", db_default="", blank=True, editable=False
    )

    objects: ClassVar["TaskResultManager"] = TaskResultQuerySet.as_manager()  # type: ignore[assignment]
    writing: ClassVar["TaskResultManager"] = WritingManager.from_queryset(  # type: ignore[assignment]
        TaskResultQuerySet
    )()

    class Meta:
        verbose_name = _("task result")
        verbose_name_plural = _("task results")
        permissions: ClassVar = [
            ("enqueue_taskresult", _("Can enqueue tasks by hand")),
            ("retry_taskresult", _("Can retry task results")),
            ("cancel_taskresult", _("Can cancel task results")),
            ("export_taskresult", _("Can export task results")),
        ]
        ordering: ClassVar = ["-id"]
        # Ids grow with time, so the primary key serves every "newest first" and every
        # "since". MariaDB has no partial indexes and makes these whole.
        indexes: ClassVar = [
            # for_task(), and the admin's filter by task: newest first.
            models.Index(fields=["task_path", "id"], name="taskhub_by_task"),
            # unfinished(), running(), failed(), cancelled(), newest first: in a table
            # of many rows, these are few.
            models.Index(
                fields=["status", "id"],
                condition=~Q(status="SUCCESSFUL"),
                name="taskhub_not_successful",
            ),
            # The database broker's reserve: the best ready message of a queue.
            PartialIndex(
                fields=["queue_name", "-priority", "id"],
                condition=Q(place="ready"),
                name="taskhub_place_ready",
            ),
            # The database broker's promotion of what has become due.
            PartialIndex(
                fields=["run_after"],
                condition=Q(place="delayed"),
                name="taskhub_place_delayed",
            ),
            # The database broker's release and reclaim: what a token holds.
            PartialIndex(
                fields=["held_by"],
                condition=Q(place="held"),
                name="taskhub_place_held",
            ),
            # A result's children, on its page.
            models.Index(
                fields=["parent_id"],
                condition=Q(parent_id__isnull=False),
                name="taskhub_children",
            ),
            # Failures by cause: the groups, and the results of one.
            models.Index(
                fields=["cause", "id"],
                condition=Q(status="FAILED"),
                name="taskhub_failed_by_cause",
            ),
            # The beat's question whether an earlier run of a schedule has finished.
            models.Index(
                fields=["periodic_task", "status"],
                condition=Q(
                    periodic_task__isnull=False, status__in=UNFINISHED_STATUSES
                ),
                name="taskhub_periodic_unfinished",
            ),
        ]
        constraints: ClassVar = [
            ReadableTimes(
                fields=[
                    *("enqueued_at", "run_after", "expires_at", "started_at"),
                    *("last_attempted_at", "finished_at", "tick_at"),
                ],
                name="taskhub_times_of_results",
            ),
            # A tick fires once, whatever beats do.
            PartialUniqueConstraint(
                fields=["periodic_task", "tick_at"],
                condition=Q(periodic_task__isnull=False),
                name="taskhub_tick_fires_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_path} {self.id}"

    @property
    def oddity(self) -> str:
        """
        Say why it cannot be run, if somebody has edited its row; nothing if it can.

        What taskhub has written is never odd.
        """
        if is_odd(self.args):
            return "The args in its row are not a list of JSON."
        for name in ("kwargs", "meta"):
            if is_odd(getattr(self, name)):
                return f"The {name} in its row are not an object of JSON."
        return ""

    @property
    def is_finished(self) -> bool:
        """Whether the outcome is known."""
        return self.status not in UNFINISHED_STATUSES

    @property
    def waited(self) -> timedelta | None:
        """How long its last attempt waited, from when it was due; None before it."""
        began = self._began
        return None if began is None else max(began - self.due_at, timedelta(0))

    @property
    def ran(self) -> timedelta | None:
        """How long its last attempt ran; None if it has not ended, or never began."""
        began = self._began
        if began is None or self.finished_at is None:
            return None
        return max(self.finished_at - began, timedelta(0))

    @property
    def _began(self) -> datetime | None:
        """When the last attempt began; None while another one is waited for."""
        known = [at for at in (self.started_at, self.last_attempted_at) if at]
        if not known:
            return None
        began = max(known)
        if self.status == Status.READY:
            return None
        # Cancelled while it waited for another attempt.
        waited = self.status == Status.CANCELLED and began < self.due_at
        return None if waited else began

    @property
    def due_at(self) -> datetime:
        """The earliest that its last attempt, or the one to come, could be started."""
        return max(self.enqueued_at, self.run_after or self.enqueued_at)

    @property
    def is_truncated(self) -> bool:
        """Whether `return_value` is only the beginning, as text."""
        return "truncated" in self.storage_notes

    def get(self, timeout: float | None = None) -> Any:
        """
        Wait until the task has finished, and return what it returned.

        Block for up to `timeout` seconds, or for as long as it takes. This row is
        refreshed.

        Raise TaskFailed or TaskCancelled if that is how it ended, ResultTimeout if it
        has not ended in time, ResultNotKept if the row is gone, and ResultTruncated if
        the return value was too large to store.
        """
        if not self.is_finished:
            self._adopt(wait_for(self._rows, self.pk, timeout, row_expected=True))
        return self.outcome()

    async def aget(self, timeout: float | None = None) -> Any:
        """See get()."""
        if not self.is_finished:
            found = await await_for(self._rows, self.pk, timeout, row_expected=True)
            self._adopt(found)
        return self.outcome()

    def outcome(self) -> Any:
        """
        Return the return value of a finished row, or raise what became of it instead.

        See get() for what it raises.
        """
        return outcome_of(self)

    @property
    def _rows(self) -> TaskResultQuerySet:
        # Not from where this row was read: a replica may be behind.
        return TaskResult.writing.all()

    def _adopt(self, other: "TaskResult") -> None:
        for field in self._meta.concrete_fields:
            setattr(self, field.attname, getattr(other, field.attname))
