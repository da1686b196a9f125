"""`TaskResult`: an enqueued task and its outcome."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from taskhub.messages import Extra
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

#: Every column has a database default, so that a write can omit it; see slices.py.
_EMPTY_LIST = Value([], ExactJSONField())
_EMPTY_DICT = Value({}, ExactJSONField())


class TaskResult(Carried, SharedRow):
    """
    An enqueued task and its outcome.

    A short task goes from READY to finished in one write; a longer one is marked
    RUNNING. `enqueued_at` and the first `run_after` are by the clock of the process
    that enqueues. The `run_after` of a retry is by the database's clock, unless an
    operator spreads retries. Start and end of an attempt are by the worker's clock, and
    a cancellation is by the clock of the process that cancels. Times are aware.
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
    #: A list with a dict for each failed attempt: `attempt`, `failed_at` (ISO 8601),
    #: `due_at`, `started_at`, `exception_class_path`, `message`, `traceback`.
    errors = ShapedJSONField(
        _("errors"), kind="list of objects", default=list, db_default=_EMPTY_LIST
    )
    #: How many attempts were started. The fence compares this number.
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    #: The tokens of the worker processes that started these attempts, in order.
    worker_ids = ShapedJSONField(
        _("workers"), kind="list of texts", default=list, db_default=_EMPTY_LIST
    )

    enqueued_at = models.DateTimeField(
        _("enqueued"), default=timezone.now, db_default=DatabaseNow()
    )
    #: When the last or next attempt is due; None means when enqueued. Retries set it.
    run_after = models.DateTimeField(_("run after"), null=True)
    #: No attempt starts at or after this time. A retry by operators removes the time.
    expires_at = models.DateTimeField(_("expires"), null=True)
    #: The start of the first attempt.
    started_at = models.DateTimeField(_("started"), null=True)
    last_attempted_at = models.DateTimeField(_("last attempted"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    #: The progress that the task reported last: `done`, `total` (or null), `message`.
    progress = ShapedJSONField(_("progress"), kind="object", null=True)
    #: The user's notes, from `using(meta=…)`.
    meta = ExactJSONField(
        _("meta"), kind="object", default=dict, db_default=_EMPTY_DICT
    )
    #: What only few messages carry; see `messages.Extra`.
    extra = ExactJSONField(_("extra"), kind="object", null=True, editable=False)
    #: How the return value was changed: sentences for `escaped` and `truncated`.
    storage_notes = ShapedJSONField(
        _("storage notes"), kind="object", default=dict, db_default=_EMPTY_DICT
    )

    #: Memory of the process when the run ended, in MiB; None after short runs.
    memory_mib = models.PositiveIntegerField(_("memory"), null=True)
    #: The result whose run has enqueued this one.
    parent_id = models.UUIDField(_("parent"), null=True, editable=False)
    #: A hash of a failure: equal for the same exception at the same place in the code.
    cause = models.CharField(
        _("cause"), max_length=32, default="", db_default="", blank=True, editable=False
    )
    #: The ids of the last bulk actions that retried or cancelled this result, or null.
    bulk_action_ids = ShapedJSONField(kind="list", null=True, editable=False)
    #: The periodic task whose run this is.
    periodic_task = models.ForeignKey(
        "taskhub.PeriodicTask",
        models.SET_NULL,
        null=True,
        related_name="results",
        # The index of the constraint taskhub_tick_fires_once starts with this column.
        db_index=False,
        verbose_name=_("periodic task"),
    )
    #: The tick for which the schedule has fired; None for a run by hand.
    tick_at = models.DateTimeField(_("tick"), null=True)

    # Only the database broker uses the following columns.
    place = models.CharField(
        max_length=7,
        choices=Place,
        default=Place.NOWHERE,
        db_default=Place.NOWHERE,
        blank=True,
        editable=False,
    )
    #: The token of the worker process that holds the message.
    held_by = NameField(
        max_length=100, default="", db_default="", blank=True, editable=False
    )
    #: How the message came back, if it may have been started; see messages.Returned.
    returned = NameField(
        max_length=110, default="", db_default="", blank=True, editable=False
    )

    objects: ClassVar["TaskResultManager"] = TaskResultQuerySet.as_manager()  # type: ignore[assignment]
    writing: ClassVar["TaskResultManager"] = WritingManager.of(TaskResultQuerySet)

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
        # Ids increase with time, so the primary key serves "newest first" and since().
        indexes: ClassVar = [
            # for_task(), and the admin's filter by task: newest first.
            models.Index(fields=["task_path", "id"], name="taskhub_by_task"),
            # unfinished(), running(), failed(), cancelled(): newest first.
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
            # The database broker's promotion of messages that have become due.
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
            # Whether an earlier run of a schedule is unfinished, for the beat.
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
            # A tick fires once, with any number of beats.
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
        """Why the row cannot be run, after an edit with SQL; "" if it can."""
        if is_odd(self.args):
            return "The args in its row are not a list of JSON."
        for name in ("kwargs", "meta"):
            if is_odd(getattr(self, name)):
                return f"The {name} in its row are not an object of JSON."
        if is_odd(self.extra) or (self.extra and Extra.read(self.extra) is None):
            return "The extra in its row is not valid."
        return ""

    @property
    def is_finished(self) -> bool:
        """Whether the outcome is known."""
        return self.status not in UNFINISHED_STATUSES

    @property
    def waited(self) -> timedelta | None:
        """How long the last attempt waited after it was due; None before it starts."""
        began = self._began
        return None if began is None else max(began - self.due_at, timedelta(0))

    @property
    def ran(self) -> timedelta | None:
        """How long the last attempt ran; None if it has not ended, or not started."""
        began = self._began
        if began is None or self.finished_at is None:
            return None
        return max(self.finished_at - began, timedelta(0))

    @property
    def _began(self) -> datetime | None:
        """The start of the last attempt; None while the next one is waiting."""
        known = [at for at in (self.started_at, self.last_attempted_at) if at]
        if not known:
            return None
        began = max(known)
        if self.status == Status.READY:
            return None
        # The result was cancelled while it waited for a retry, or finished while it was
        # on hold; see write_decided().
        ended_without_run = began < self.due_at and (
            self.status == Status.CANCELLED or self.due_at == self.finished_at
        )
        return None if ended_without_run else began

    @property
    def due_at(self) -> datetime:
        """When the last or next attempt is due."""
        return max(self.enqueued_at, self.run_after or self.enqueued_at)

    @property
    def is_truncated(self) -> bool:
        """Whether `return_value` is only the beginning of the value, as text."""
        return "truncated" in self.storage_notes

    def get(self, timeout: float | None = None) -> Any:
        """
        Wait until the task has finished, and return its return value.

        Block for up to `timeout` seconds, or without a limit. Refresh this instance.

        Raise TaskFailed or TaskCancelled if the task failed or was cancelled,
        ResultTimeout if it has not finished in time, ResultNotKept if the row is gone,
        and ResultTruncated if the return value was too large to store.
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
        """Return a finished result's return value, or raise the errors of get()."""
        return outcome_of(self)

    @property
    def _rows(self) -> TaskResultQuerySet:
        # Not the database that this row was read from: a replica may be behind.
        return TaskResult.writing.all()

    def _adopt(self, other: "TaskResult") -> None:
        for field in self._meta.concrete_fields:
            setattr(self, field.attname, getattr(other, field.attname))
