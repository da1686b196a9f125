"""What can be done to a periodic task with one click, and what is said of it."""

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin import schedule_words as words
from taskhub.admin.done import Done
from taskhub.admin.verbs import Verb
from taskhub.models import PeriodicTask


def _enable(row: PeriodicTask, by: str) -> Done:
    if row.enabled:
        return Done(_("“%s” is enabled already.") % row.name, level=messages.INFO)
    operations.schedules.enable([row])
    if not row.enabled:
        words = {"name": row.name, "reason": row.disabled_reason}
        return Done(
            _("“%(name)s” has disabled itself at once. %(reason)s") % words,
            _("Enabled, and disabled by itself at once. %(reason)s") % words,
            messages.WARNING,
        )
    return Done(_("“%s” is enabled.") % row.name, _("Enabled."))


def _disable(row: PeriodicTask, by: str) -> Done:
    if not row.enabled:
        return Done(_("“%s” is disabled already.") % row.name, level=messages.INFO)
    operations.schedules.disable([row])
    return Done(_("“%s” is disabled.") % row.name, _("Disabled."))


def _run_now(row: PeriodicTask, by: str) -> Done:
    result = operations.schedules.run_now(row)
    return Done(
        _("“%s” was asked to run") % row.name,
        _("Asked to run now: result %s.") % result.pk,
        result=result,
    )


def _skip_next(row: PeriodicTask, by: str) -> Done:
    tick = operations.schedules.skip_next(row)
    if tick is None:
        return Done(
            _("“%s” has no next run to skip.") % row.name, level=messages.WARNING
        )
    details = {
        "name": row.name,
        "tick": words.full_time(words.local_time(tick)),
    }
    return Done(
        _("“%(name)s” will leave out its run of %(tick)s.") % details,
        _("Skipped the run of %(tick)s.") % details,
    )


def _has_next_run(row: PeriodicTask) -> bool:
    return row.enabled and row.next_run_at is not None and not row.is_plan_stale


#: In the order in which they are offered.
VERBS: dict[str, Verb[PeriodicTask]] = {
    verb.name: verb
    for verb in (
        Verb("run", gettext_lazy("Run now"), "run", _run_now),
        Verb(
            "skip",
            gettext_lazy("Skip the next run"),
            "change",
            _skip_next,
            _has_next_run,
        ),
        Verb(
            "enable",
            gettext_lazy("Enable"),
            "change",
            _enable,
            lambda row: not row.enabled,
        ),
        Verb(
            "disable",
            gettext_lazy("Disable"),
            "change",
            _disable,
            lambda row: row.enabled,
        ),
    )
}
