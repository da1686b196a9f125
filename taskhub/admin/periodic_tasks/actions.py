"""The actions on periodic tasks."""

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taskhub import operations
from taskhub.admin import schedule_words
from taskhub.admin.actions import Action, Outcome, Values
from taskhub.models import PeriodicTask


def _enable(row: PeriodicTask, values: Values, by: str) -> Outcome:
    if row.enabled:
        return Outcome(_("“%s” is already enabled.") % row.name, level=messages.INFO)
    operations.schedules.enable([row])
    if not row.enabled:
        details = {"name": row.name, "reason": row.disabled_reason}
        return Outcome(
            _("“%(name)s” has disabled itself at once. %(reason)s") % details,
            _("Enabled, and disabled by itself at once. %(reason)s") % details,
            messages.WARNING,
        )
    return Outcome(_("“%s” is enabled.") % row.name, _("Enabled."))


def _disable(row: PeriodicTask, values: Values, by: str) -> Outcome:
    if not row.enabled:
        return Outcome(_("“%s” is already disabled.") % row.name, level=messages.INFO)
    operations.schedules.disable([row])
    return Outcome(_("“%s” is disabled.") % row.name, _("Disabled."))


def _run_now(row: PeriodicTask, values: Values, by: str) -> Outcome:
    result = operations.schedules.run_now(row)
    return Outcome(
        _("“%s” was enqueued") % row.name,
        _("Run now: result %s.") % result.pk,
        result=result,
    )


def _skip_next(row: PeriodicTask, values: Values, by: str) -> Outcome:
    tick = operations.schedules.skip_next(row)
    if tick is None:
        return Outcome(
            _("“%s” has no next run to skip.") % row.name, level=messages.WARNING
        )
    local = schedule_words.local_time(tick)
    details = {"name": row.name, "tick": schedule_words.full_time(local)}
    return Outcome(
        _("“%(name)s” will skip its run of %(tick)s.") % details,
        _("Skipped the run of %(tick)s.") % details,
    )


def _has_next_run(row: PeriodicTask) -> bool:
    return row.enabled and row.next_run_at is not None and not row.is_plan_stale


def _backfill(row: PeriodicTask, values: Values, by: str) -> Outcome:
    period = values["period"]
    results = operations.schedules.backfill(row, period.start, period.end)
    if not results:
        text = _("“%s” has no past runs to backfill.") % row.name
        return Outcome(text, level=messages.WARNING)
    details = {"name": row.name, "count": len(results), "period": period}
    text = ngettext(
        "Enqueued %(count)d past run of “%(name)s” for %(period)s.",
        "Enqueued %(count)d past runs of “%(name)s” for %(period)s.",
        len(results),
    )
    entry = ngettext(
        "Backfilled %(count)d run for %(period)s.",
        "Backfilled %(count)d runs for %(period)s.",
        len(results),
    )
    return Outcome(text % details, entry % details)


#: By name, in the order of the buttons.
ACTIONS = {
    action.name: action
    for action in (
        Action(
            "run",
            gettext_lazy("Run now"),
            "run",
            _run_now,
            selected_label=gettext_lazy("Run the selected now"),
        ),
        Action(
            "skip",
            gettext_lazy("Skip the next run"),
            "change",
            _skip_next,
            suits=_has_next_run,
            selected_label=gettext_lazy("Skip the next run of the selected"),
        ),
        Action(
            "enable",
            gettext_lazy("Enable"),
            "change",
            _enable,
            suits=lambda row: not row.enabled,
            selected_label=gettext_lazy("Enable the selected"),
        ),
        Action(
            "disable",
            gettext_lazy("Disable"),
            "change",
            _disable,
            suits=lambda row: row.enabled,
            selected_label=gettext_lazy("Disable the selected"),
        ),
    )
}
#: Its own page asks for the period, and passes it to _backfill() in `values`.
BACKFILL = Action("backfill", gettext_lazy("Backfill"), "run", _backfill)
