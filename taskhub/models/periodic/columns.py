"""The columns of a periodic task: those that users edit, and those of the beat."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from taskhub.models.clock import DatabaseNow
from taskhub.models.fields.exact_json import ExactJSONField
from taskhub.models.fields.names import NameField
from taskhub.models.fields.schedule import ScheduleField

#: The `look_at` of a row without a plan, which thus comes before rows with a plan.
UNPLANNED = datetime(1970, 1, 1, tzinfo=UTC)
#: How many results of its last runs a row remembers.
RECENT_RUNS = 20

#: The options of a text field that the beat writes.
_TEXT: Any = {"default": "", "db_default": "", "blank": True, "editable": False}


class MissedRuns(models.TextChoices):
    """What to do about ticks that passed while no beat was running."""

    SKIP = "skip", _("Skip all missed runs")
    LATEST = "latest", _("Catch up the latest missed run")
    ALL = "all", _("Catch up all missed runs within the window")


class Overlap(models.TextChoices):
    """What to do about a tick while an earlier run has not finished."""

    ALLOW = "allow", _("Run at the same time")
    SKIP = "skip", _("Skip the new run")
    WAIT = "wait", _("Wait until the earlier run has finished")
    CANCEL = "cancel", _("Cancel the earlier run")


class PeriodicColumns(models.Model):
    """The columns of `PeriodicTask`: first those of users, then those of the beat."""

    name = NameField(_("name"), max_length=200, unique=True)
    description = models.TextField(_("description"), blank=True, default="")
    #: Dotted path of a registered task.
    task_path = NameField(_("task"), max_length=255)
    args = ExactJSONField(_("positional arguments"), default=list, blank=True)
    kwargs = ExactJSONField(_("keyword arguments"), default=dict, blank=True)
    schedule = ScheduleField(_("schedule"))
    enabled = models.BooleanField(_("enabled"), default=True)

    queue_name = NameField(
        _("queue"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("The task's queue if empty."),
    )
    priority = models.SmallIntegerField(
        _("priority"),
        null=True,
        blank=True,
        validators=[MinValueValidator(-100), MaxValueValidator(100)],
        help_text=_(
            "From -100 to 100; higher goes first. The task's priority if empty."
        ),
    )
    expires_after = models.DurationField(
        _("expires after"),
        null=True,
        blank=True,
        help_text=_(
            "A run that has not started this long after it is due is not started."
        ),
    )

    start_at = models.DateTimeField(
        _("start"), null=True, blank=True, help_text=_("No run before this time.")
    )
    end_at = models.DateTimeField(
        _("end"), null=True, blank=True, help_text=_("No run after this time.")
    )
    max_runs = models.PositiveIntegerField(
        _("maximum runs"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("The schedule is disabled after this many runs."),
    )
    jitter = models.DurationField(
        _("jitter"),
        default=timedelta(0),
        blank=True,
        help_text=_("Each run is delayed at random by up to this long."),
    )
    missed_runs = models.CharField(
        _("missed runs"), max_length=6, choices=MissedRuns, default=MissedRuns.LATEST
    )
    missed_window = models.DurationField(
        _("window for missed runs"),
        default=timedelta(days=1),
        help_text=_("How far back missed runs are caught up, if all are."),
    )
    overlap = models.CharField(
        _("overlap"), max_length=6, choices=Overlap, default=Overlap.ALLOW
    )
    disable_after_failures = models.PositiveSmallIntegerField(
        _("disable after failures"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(RECENT_RUNS)],
        help_text=_("The schedule is disabled after this many failed runs in a row."),
    )

    #: Whether @periodic declares it. Users can then change only `enabled`.
    from_code = models.BooleanField(_("from code"), default=False, editable=False)
    created_at = models.DateTimeField(
        _("created"), default=timezone.now, db_default=DatabaseNow(), editable=False
    )

    # Columns of the beat. Dumps leave the plan out, and loaded rows are planned anew.

    next_run_at = models.DateTimeField(
        _("next run"), null=True, editable=False, serialize=False
    )
    last_run_at = models.DateTimeField(_("last run"), null=True, editable=False)
    total_run_count = models.PositiveIntegerField(
        _("runs"), default=0, db_default=0, editable=False
    )
    skipped_run_count = models.PositiveIntegerField(
        _("skipped runs"), default=0, db_default=0, editable=False
    )
    last_skipped_at = models.DateTimeField(_("last skipped"), null=True, editable=False)
    #: Why the beat has disabled it; empty if it has not.
    disabled_reason = models.TextField(_("reason for being disabled"), **_TEXT)
    #: The ids of the results of its last runs, the newest last.
    recent_ids = models.JSONField(default=list, editable=False)
    #: The schedule and the start from which `next_run_at` was computed, and when.
    planned_schedule = NameField(max_length=255, serialize=False, **_TEXT)
    planned_start_at = models.DateTimeField(null=True, editable=False, serialize=False)
    planned_at = models.DateTimeField(null=True, editable=False, serialize=False)
    #: The span of the plan as local times (schedules/span.py); empty for one in UTC.
    planned_between = models.CharField(max_length=80, serialize=False, **_TEXT)
    #: When the beat looks again at a due tick that has to wait.
    postponed_until = models.DateTimeField(null=True, editable=False, serialize=False)
    #: Why a due tick has to wait. Empty if it does not, or waits for an earlier run.
    postponed_because = models.TextField(serialize=False, **_TEXT)
    #: When the beat has to look at the row: at the next run or a postponed tick.
    #: UNPLANNED if the plan is missing or stale; null if disabled without a plan.
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
            default=Value(UNPLANNED, output_field=models.DateTimeField()),
        ),
        output_field=models.DateTimeField(null=True),
        db_persist=True,
        serialize=False,
    )

    class Meta:
        abstract = True
