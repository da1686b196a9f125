"""`PeriodicTask`: a task and its schedule."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from taskhub.foundation.values import escape_text
from taskhub.models.base import WritingManager
from taskhub.models.constraints import ReadableTimes
from taskhub.models.ids import ids_in
from taskhub.models.periodic.columns import RECENT_RUNS, UNPLANNED, PeriodicColumns
from taskhub.models.results.task_result import TaskResult
from taskhub.models.shared_row import SharedRow
from taskhub.schedules import Schedule, Span, parse

#: The values of the plan in a disabled row. `disabled_reason` is not among them.
DISABLED: dict[str, Any] = {
    "enabled": False,
    "next_run_at": None,
    "planned_schedule": "",
    "planned_start_at": None,
    "planned_at": None,
    "planned_between": "",
    "postponed_until": None,
    "postponed_because": "",
}
#: A time in a row that is further in the future was written while a clock was ahead.
MAX_AHEAD = timedelta(seconds=60)
#: The fields that the beat writes.
PLAN_FIELDS = (*DISABLED, "disabled_reason")
RUN_FIELDS = (
    *("last_run_at", "total_run_count", "recent_ids"),
    *("skipped_run_count", "last_skipped_at"),
)


class PeriodicTaskQuerySet(models.QuerySet["PeriodicTask", "PeriodicTask"]):
    """Periodic tasks, as the beat selects them."""

    def in_order(self) -> Self:
        """Filter rows that need the beat now or later, the most urgent first."""
        return self.filter(look_at__isnull=False).order_by("look_at")

    def get_by_natural_key(self, name: str) -> "PeriodicTask":
        """Return the row with a name, by which fixtures refer to it."""
        return self.get(name=name)

    def with_plan(self) -> Self:
        """Filter rows with a plan, the most urgent first."""
        return self.in_order().filter(look_at__gt=UNPLANNED)

    def without_plan(self) -> Self:
        """Filter rows that were edited since they were planned, or never planned."""
        return self.filter(look_at__lte=UNPLANNED)


if TYPE_CHECKING:

    class PeriodicTaskManager(  # type: ignore[misc]
        PeriodicTaskQuerySet, models.Manager["PeriodicTask"]
    ):
        """The class of the manager from `as_manager()`, for type checkers."""


class PeriodicTask(PeriodicColumns, SharedRow):
    """A task that is fired by a schedule. The beat selects rows by `look_at`."""

    written_by_processes = frozenset((*PLAN_FIELDS, *RUN_FIELDS))

    objects: ClassVar["PeriodicTaskManager"] = PeriodicTaskQuerySet.as_manager()  # type: ignore[assignment]
    writing: ClassVar["PeriodicTaskManager"] = WritingManager.of(PeriodicTaskQuerySet)

    class Meta:
        verbose_name = _("periodic task")
        verbose_name_plural = _("periodic tasks")
        ordering: ClassVar = ["name"]
        indexes: ClassVar = [
            # The query of the beat: which rows need it, and when.
            models.Index(fields=["look_at"], name="taskhub_look_at"),
        ]
        constraints: ClassVar = [
            ReadableTimes(
                fields=[
                    *("start_at", "end_at", "created_at", "next_run_at", "last_run_at"),
                    *("last_skipped_at", "planned_at", "planned_start_at"),
                    "postponed_until",
                ],
                name="taskhub_times_of_schedules",
            ),
        ]
        permissions: ClassVar = [
            ("run_periodictask", _("Can run periodic tasks now, and backfill them")),
        ]

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str]:
        """Return the name, by which fixtures refer to the row."""
        return (self.name,)

    def save(self, *args: Any, **options: Any) -> None:
        """
        Save the row with a current plan.

        Of the fields that the beat writes, save only those that were changed here.
        """
        if self.is_plan_stale:
            self.plan(timezone.now())
            if (fields := options.get("update_fields")) is not None:
                options["update_fields"] = {*fields, *PLAN_FIELDS}
        super().save(*args, **options)

    @property
    def is_plan_stale(self) -> bool:
        """
        Whether the plan is missing, or was made for another schedule or start.

        A disabled row should have no plan. `look_at` is computed in the same way.
        """
        if not self.enabled:
            return bool(self.planned_schedule)
        return (self.planned_schedule, self.planned_start_at) != (
            as_schedule(self).text,
            self.start_at,
        )

    @property
    def rule(self) -> Schedule:
        """The schedule, anchored at the row's `start_at` or else its `created_at`."""
        anchor = (self.start_at or self.created_at).replace(microsecond=0)
        return as_schedule(self).anchored(anchor)

    def plan(self, now: datetime) -> None:
        """
        Set the next run after `now`, in the attributes only; fire nothing.

        Disable a row that will not run again, with the reason. Raise InvalidSchedule if
        the schedule cannot be read.
        """
        self.postponed_until, self.postponed_because = None, ""
        if not self.enabled:
            self._forget_plan()
            return
        self.disabled_reason = ""
        after = self._planning_start(now)
        # This may raise. The plan is set afterwards, so that the row stays unplanned.
        tick = self.rule.next_after(after)
        self.planned_schedule = as_schedule(self).text
        self.planned_start_at = self.start_at
        self.planned_at = now
        self.move_to(tick, after=after)

    def _planning_start(self, now: datetime) -> datetime:
        """Return a time; the next run is the first tick after it."""
        if self.start_at and self.start_at > now:
            # The start itself may be the first tick.
            return self.start_at - timedelta(microseconds=1)
        return now

    def is_plan_ahead(self, now: datetime) -> bool:
        """
        Return whether the next run is too late because a clock was ahead.

        A clock was ahead if, by this row, it was planned or has run in the future.
        """
        moments = (self.planned_at, self.last_run_at)
        if not any(moment and moment > now + MAX_AHEAD for moment in moments):
            return False
        tick = self.rule.next_after(self._planning_start(now))
        return bool(tick and self.next_run_at and tick < self.next_run_at)

    @property
    def is_plan_outdated(self) -> bool:
        """Whether the rules of the time zone have changed since the row was planned."""
        span = Span.read(self.planned_between)
        # A next run that somebody has set by hand does not depend on the rules.
        if span is None or span.tick != self.next_run_at:
            return False
        return not span.holds(as_schedule(self).zone)

    def plan_by_new_rules(self) -> None:
        """
        Set the planned tick by the current rules of the zone, in the attributes only.

        The tick may be in the past, and thus due.
        """
        span = Span.read(self.planned_between)
        assert span is not None  # noqa: S101  callers check is_plan_outdated
        after = span.start_under(self.rule)
        if self.start_at:
            after = max(after, self.start_at - timedelta(microseconds=1))
        self.move_to(self.rule.next_after(after), after=after)

    def move_to(self, tick: datetime | None, *, after: datetime) -> None:
        """
        Make `tick`, the first one after `after`, the next run, in the attributes only.

        Disable a row that will not run again, with the reason.
        """
        self.next_run_at = tick
        self.postponed_until, self.postponed_because = None, ""
        span = None if tick is None else Span.of(as_schedule(self), after, tick)
        self.planned_between = "" if span is None else span.text
        if self.max_runs is not None and self.total_run_count >= self.max_runs:
            self.disable(
                _("It has run %(count)d times, its maximum.")
                % {"count": self.total_run_count}
            )
        elif tick is None:
            self.disable(_("It has no further run."))
        elif self.end_at is not None and tick > self.end_at:
            self.disable(_("It ended at %(end)s.") % {"end": self.end_at.isoformat()})

    def postpone(self, reason: object, until: datetime | None = None) -> None:
        """Set why a due tick has to wait, and until when, in the attributes only."""
        self.postponed_because = escape_text(str(reason))
        self.postponed_until = until

    def disable(self, reason: object) -> None:
        """Disable the row with a reason, in the attributes only."""
        self._forget_plan()
        self.disabled_reason = escape_text(str(reason))

    def _forget_plan(self) -> None:
        for name, value in DISABLED.items():
            setattr(self, name, value)

    def remember(self, pk: UUID, enqueued_at: datetime) -> None:
        """Record a run by the id of its result, in the attributes only."""
        earlier = map(str, ids_in(self.recent_ids))
        self.recent_ids = [*earlier, str(pk)][-RECENT_RUNS:]
        self.last_run_at = enqueued_at
        self.total_run_count += 1

    @property
    def last_result(self) -> TaskResult | None:
        """The result of the last run; None if there is none, or its row is gone."""
        results = TaskResult.objects.filter(pk__in=ids_in(self.recent_ids))
        return results.order_by("-id").first()


def as_schedule(row: PeriodicTask) -> Schedule:
    """Return a row's schedule, also if it was assigned as text."""
    return row.schedule if isinstance(row.schedule, Schedule) else parse(row.schedule)
