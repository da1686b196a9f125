"""`PeriodicTask`: a task and its schedule, edited in the admin, fired by the beat."""

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

#: What a row that has disabled itself says, beside the reason.
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
#: What is later than now by more than this was written by a clock that was ahead.
AHEAD = timedelta(seconds=60)
#: What the beat writes.
PLAN_FIELDS = (
    "enabled",
    "disabled_reason",
    "next_run_at",
    "planned_schedule",
    "planned_start_at",
    "planned_at",
    "planned_between",
    "postponed_until",
    "postponed_because",
)
RUN_FIELDS = (
    "last_run_at",
    "total_run_count",
    "skipped_run_count",
    "last_skipped_at",
    "recent_ids",
)


class PeriodicTaskQuerySet(models.QuerySet["PeriodicTask", "PeriodicTask"]):
    """Periodic tasks, as the beat looks at them."""

    def in_order(self) -> Self:
        """Those that something is to be done about, the most urgent first."""
        return self.filter(look_at__isnull=False).order_by("look_at")

    def get_by_natural_key(self, name: str) -> "PeriodicTask":
        """Return the one of that name, as fixtures refer to it."""
        return self.get(name=name)

    def with_plan(self) -> Self:
        """Those of which the next run is known, the most urgent first."""
        return self.in_order().filter(look_at__gt=UNPLANNED)

    def without_plan(self) -> Self:
        """Those that have been edited since they were planned, if they ever were."""
        return self.filter(look_at__lte=UNPLANNED)


if TYPE_CHECKING:

    class PeriodicTaskManager(  # type: ignore[misc]
        PeriodicTaskQuerySet, models.Manager["PeriodicTask"]
    ):
        """What `as_manager()` makes, as every type checker understands it."""


class PeriodicTask(PeriodicColumns, SharedRow):
    """
    A task that is fired by a schedule.

    People edit one part of its columns, the beat the other. A plan that no longer fits
    what people have edited shows in the generated column `look_at`, which the beat goes
    by.
    """

    written_by_processes = frozenset((*PLAN_FIELDS, *RUN_FIELDS))

    objects: ClassVar["PeriodicTaskManager"] = PeriodicTaskQuerySet.as_manager()  # type: ignore[assignment]
    writing: ClassVar["PeriodicTaskManager"] = WritingManager.from_queryset(  # type: ignore[assignment]
        PeriodicTaskQuerySet
    )()

    class Meta:
        verbose_name = _("periodic task")
        verbose_name_plural = _("periodic tasks")
        ordering: ClassVar = ["name"]
        indexes: ClassVar = [
            # The beat's one question: what is to be looked at, and when next.
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
        """Return its name, by which fixtures refer to it."""
        return (self.name,)

    def save(self, *args: Any, **options: Any) -> None:
        """
        Save it, with a plan for what it says now.

        Of what the beat writes, only what was changed here is saved.
        """
        if self.is_plan_stale:
            self.plan(timezone.now())
            if (fields := options.get("update_fields")) is not None:
                options["update_fields"] = {*fields, *PLAN_FIELDS}
        super().save(*args, **options)

    @property
    def is_plan_stale(self) -> bool:
        """Whether there is no plan for what the row says now; see `look_at`."""
        if not self.enabled:
            return bool(self.planned_schedule)
        return (self.planned_schedule, self.planned_start_at) != (
            as_schedule(self).text,
            self.start_at,
        )

    @property
    def rule(self) -> Schedule:
        """The schedule, counting from this row's start."""
        anchor = (self.start_at or self.created_at).replace(microsecond=0)
        return as_schedule(self).anchored(anchor)

    def plan(self, now: datetime) -> None:
        """
        Work out the next run after `now`, in the attributes; nothing is fired by that.

        A row that will not run again is disabled, and says why.
        """
        self.postponed_until, self.postponed_because = None, ""
        if not self.enabled:
            self._forget_plan()
            return
        self.disabled_reason = ""
        after = self._begin(now)
        # Before the plan is noted: a row that cannot be planned here stays unplanned.
        tick = self.rule.next_after(after)
        self.planned_schedule = as_schedule(self).text
        self.planned_start_at = self.start_at
        self.planned_at = now
        self.move_to(tick, after=after)

    def _begin(self, now: datetime) -> datetime:
        """Return the moment that the next run is the first tick after."""
        if self.start_at and self.start_at > now:
            # The start itself may be the first tick.
            return self.start_at - timedelta(microseconds=1)
        return now

    def is_plan_ahead(self, now: datetime) -> bool:
        """
        Whether the next run is too late, since the clock was ahead before.

        It was if the row was planned, or has run, at a time that is still to come.
        """
        moments = (self.planned_at, self.last_run_at)
        if not any(moment and moment > now + AHEAD for moment in moments):
            return False
        tick = self.rule.next_after(self._begin(now))
        return bool(tick and self.next_run_at and tick < self.next_run_at)

    @property
    def is_plan_outdated(self) -> bool:
        """Whether the rules of its time zone have changed since it was planned."""
        span = Span.read(self.planned_between)
        # A next run that somebody has set is not a matter of rules.
        if span is None or span.tick != self.next_run_at:
            return False
        return not span.holds(as_schedule(self).zone)

    def plan_by_new_rules(self) -> None:
        """
        Work out, in the attributes, when the tick that is planned comes by now.

        It may be past then, and due.
        """
        span = Span.read(self.planned_between)
        assert span is not None  # noqa: S101  the plan is outdated
        after = span.start_under(self.rule)
        if self.start_at:
            after = max(after, self.start_at - timedelta(microseconds=1))
        self.move_to(self.rule.next_after(after), after=after)

    def move_to(self, tick: datetime | None, *, after: datetime) -> None:
        """
        Make `tick`, the first after a moment, the next run.

        A row that will not run again is disabled.
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
        """Say, in the attributes, why it does not fire now, and until when."""
        self.postponed_because = escape_text(str(reason))
        self.postponed_until = until

    def disable(self, reason: object) -> None:
        """Disable the row, in the attributes, and say why."""
        self._forget_plan()
        self.disabled_reason = escape_text(str(reason))

    def _forget_plan(self) -> None:
        for name, value in DISABLED.items():
            setattr(self, name, value)

    def remember(self, pk: UUID, enqueued_at: datetime) -> None:
        """Note a run, by its result's id, in the attributes."""
        earlier = map(str, ids_in(self.recent_ids))
        self.recent_ids = [*earlier, str(pk)][-RECENT_RUNS:]
        self.last_run_at = enqueued_at
        self.total_run_count += 1

    @property
    def last_result(self) -> TaskResult | None:
        """The result of the last run; None if there was none, or its row is gone."""
        results = TaskResult.objects.filter(pk__in=ids_in(self.recent_ids))
        return results.order_by("-id").first()


def as_schedule(row: PeriodicTask) -> Schedule:
    """Return a row's schedule, also if it was assigned as text and is not saved yet."""
    return row.schedule if isinstance(row.schedule, Schedule) else parse(row.schedule)
