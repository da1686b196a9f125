"""`PeriodicTask`: a task and its schedule, edited in the admin, fired by the beat."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from taskhub.models.ids import ids_in
from taskhub.models.results import TaskResult
from taskhub.models.schedule_field import ScheduleField
from taskhub.schedules import Schedule, Span, parse
from taskhub.values import escape_text

#: Of how many runs a row remembers the results.
RECENT_RUNS = 20


class MissedRuns(models.TextChoices):
    """What to do about ticks that passed while no beat was running."""

    SKIP = "skip", _("Skip them")
    LATEST = "latest", _("Run the latest, once")
    ALL = "all", _("Run all within a window")


class Overlap(models.TextChoices):
    """What to do about a tick while an earlier run has not finished."""

    ALLOW = "allow", _("Run beside it")
    SKIP = "skip", _("Skip the tick")
    WAIT = "wait", _("Wait until it has finished")
    CANCEL = "cancel", _("Cancel the earlier run")


class PeriodicTaskQuerySet(models.QuerySet["PeriodicTask", "PeriodicTask"]):
    """Periodic tasks, as the beat looks at them."""

    def in_order(self) -> Self:
        """Those that something is to be done about, the most urgent first."""
        return self.filter(look_at__isnull=False).order_by("look_at")


class PeriodicTask(models.Model):
    """
    A task that is fired by a schedule.

    The first part is what people edit, in any way they like. The second is the beat's:
    its plan, and what the plan was made for. A plan that no longer fits what people
    have edited shows in the generated column `look_at`, which the beat goes by.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    description = models.TextField(_("description"), blank=True, default="")
    #: Dotted path of a registered task.
    task_path = models.CharField(_("task"), max_length=255)
    args = models.JSONField(_("positional arguments"), default=list, blank=True)
    kwargs = models.JSONField(_("keyword arguments"), default=dict, blank=True)
    schedule = ScheduleField(_("schedule"))
    enabled = models.BooleanField(_("enabled"), default=True)

    queue_name = models.CharField(
        _("queue"), max_length=100, blank=True, default="", help_text=_("The task's.")
    )
    priority = models.SmallIntegerField(
        _("priority"),
        null=True,
        blank=True,
        validators=[MinValueValidator(-100), MaxValueValidator(100)],
        help_text=_("-100 to 100, higher goes first. The task's if empty."),
    )
    expires_after = models.DurationField(
        _("expires after"),
        null=True,
        blank=True,
        help_text=_("A run that has not started so long after it is due never starts."),
    )

    start_at = models.DateTimeField(
        _("start"), null=True, blank=True, help_text=_("Nothing fires before it.")
    )
    end_at = models.DateTimeField(
        _("end"), null=True, blank=True, help_text=_("Nothing fires after it.")
    )
    max_runs = models.PositiveIntegerField(
        _("runs at most"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("After so many runs in all, it disables itself."),
    )
    jitter = models.DurationField(
        _("jitter"),
        default=timedelta(0),
        blank=True,
        help_text=_("Each run begins up to so much later, by chance."),
    )
    missed_runs = models.CharField(
        _("missed runs"), max_length=6, choices=MissedRuns, default=MissedRuns.LATEST
    )
    missed_window = models.DurationField(
        _("window for missed runs"),
        default=timedelta(days=1),
        help_text=_("How far back missed runs are made up for, if all are."),
    )
    overlap = models.CharField(
        _("overlap"), max_length=6, choices=Overlap, default=Overlap.ALLOW
    )
    pause_after_failures = models.PositiveSmallIntegerField(
        _("disable after failures"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(RECENT_RUNS)],
        help_text=_("So many runs in a row have failed."),
    )

    #: Declared with @periodic: such a row may be disabled here, and edited in the code.
    from_code = models.BooleanField(_("from code"), default=False, editable=False)
    created_at = models.DateTimeField(
        _("created"), default=timezone.now, db_default=Now(), editable=False
    )

    # The beat's.

    next_run_at = models.DateTimeField(_("next run"), null=True, editable=False)
    last_run_at = models.DateTimeField(_("last run"), null=True, editable=False)
    total_run_count = models.PositiveIntegerField(
        _("runs"), default=0, db_default=0, editable=False
    )
    skipped_run_count = models.PositiveIntegerField(
        _("skipped"), default=0, db_default=0, editable=False
    )
    last_skipped_at = models.DateTimeField(_("last skipped"), null=True, editable=False)
    #: Why it has disabled itself; empty if it has not.
    paused_because = models.TextField(
        _("disabled because"), default="", db_default="", blank=True, editable=False
    )
    #: The ids of the results of its last runs, the newest last.
    recent_ids = models.JSONField(default=list, editable=False)
    #: What `next_run_at` was worked out from, and when.
    planned_schedule = models.CharField(
        max_length=255, default="", db_default="", blank=True, editable=False
    )
    planned_start_at = models.DateTimeField(null=True, editable=False)
    planned_at = models.DateTimeField(null=True, editable=False)
    #: In a time zone: what `next_run_at` is the first tick after, and itself, as local
    #: times; see schedules/span.py.
    planned_between = models.CharField(
        max_length=80, default="", db_default="", blank=True, editable=False
    )
    #: A tick that is due and has to wait is looked at again then.
    postponed_until = models.DateTimeField(null=True, editable=False)
    #: Why it does not fire now, though it is enabled; empty if nothing keeps it.
    postponed_because = models.TextField(
        default="", db_default="", blank=True, editable=False
    )
    #: When the beat has to look at the row: at its next run; at once (any time in the
    #: past) if there is no plan for what it says now; never if it is disabled.
    look_at = models.GeneratedField(
        expression=Case(
            When(Q(enabled=False, planned_schedule=""), then=None),
            When(
                Q(enabled=True, planned_schedule=F("schedule"))
                & (
                    Q(planned_start_at=F("start_at"))
                    | Q(planned_start_at__isnull=True, start_at__isnull=True)
                ),
                then=Coalesce("postponed_until", "next_run_at"),
            ),
            default=F("created_at"),
        ),
        output_field=models.DateTimeField(null=True),
        db_persist=True,
    )

    objects: ClassVar[models.Manager["PeriodicTask"]] = (
        PeriodicTaskQuerySet.as_manager()
    )

    class Meta:
        verbose_name = _("periodic task")
        verbose_name_plural = _("periodic tasks")
        ordering: ClassVar = ["name"]
        indexes: ClassVar = [
            # The beat's one question: what is to be looked at, and when next.
            models.Index(fields=["look_at"], name="taskhub_look_at"),
        ]
        permissions: ClassVar = [
            ("run_periodictask", _("Can run periodic tasks now, and backfill them")),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **options: Any) -> None:
        """Save it, with a plan for what it says now."""
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
        self.paused_because = ""
        self.planned_schedule = as_schedule(self).text
        self.planned_start_at = self.start_at
        self.planned_at = now
        after = now
        if self.start_at and self.start_at > now:
            # The start itself may be the first tick.
            after = self.start_at - timedelta(microseconds=1)
        self.move_to(self.rule.next_after(after), after=after)

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
            self.pause(
                _("It has run %(count)d times, as many as it may.")
                % {"count": self.total_run_count}
            )
        elif tick is None:
            self.pause(_("It has no run any more."))
        elif self.end_at is not None and tick > self.end_at:
            self.pause(_("It has ended at %(end)s.") % {"end": self.end_at.isoformat()})

    def postpone(self, reason: object, until: datetime | None = None) -> None:
        """Say, in the attributes, why it does not fire now, and until when."""
        self.postponed_because = escape_text(str(reason))
        self.postponed_until = until

    def pause(self, reason: object) -> None:
        """Disable the row, in the attributes, and say why."""
        self._forget_plan()
        self.paused_because = escape_text(str(reason))

    def _forget_plan(self) -> None:
        for name, value in PAUSED.items():
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


#: What a row that has disabled itself says, beside the reason.
PAUSED: dict[str, Any] = {
    "enabled": False,
    "next_run_at": None,
    "planned_schedule": "",
    "planned_start_at": None,
    "planned_at": None,
    "planned_between": "",
    "postponed_until": None,
    "postponed_because": "",
}
#: What the beat writes.
PLAN_FIELDS = (
    "enabled",
    "paused_because",
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


def as_schedule(row: PeriodicTask) -> Schedule:
    """Return a row's schedule, also if it was assigned as text and is not saved yet."""
    return row.schedule if isinstance(row.schedule, Schedule) else parse(row.schedule)
