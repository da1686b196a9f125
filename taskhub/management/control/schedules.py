"""`taskcontrol schedule`: enable, disable, run and skip periodic tasks."""

from collections.abc import Sequence

from django.core.management.base import CommandError

from taskhub import operations
from taskhub.exceptions import TaskHubError
from taskhub.foundation.nearest import did_you_mean
from taskhub.management.control.verbs import Nouns, Options, Report
from taskhub.models import PeriodicTask

_NAMES = (("names", "SCHEDULE…"),)


def add_verbs(nouns: Nouns) -> None:
    """Add the noun `schedule` and its verbs."""
    schedule = nouns.add_noun("schedule", "Enable, disable, run and skip schedules.")
    for verb, run, help in (
        ("enable", _enable, "Enable periodic tasks."),
        ("disable", _disable, "Disable periodic tasks."),
        ("run", _run, "Run periodic tasks now."),
        ("skip", _skip, "Skip the next run of periodic tasks."),
    ):
        schedule.add_verb(verb, run, _NAMES, help, reason="history")


def _enable(options: Options) -> Report:
    rows = _find(options["names"])
    count = operations.schedules.enable(rows)
    return Report(f"Enabled: {count:,}.", {"count": count}, rows)


def _disable(options: Options) -> Report:
    rows = _find(options["names"])
    count = operations.schedules.disable(rows)
    return Report(f"Disabled: {count:,}.", {"count": count}, rows)


def _run(options: Options) -> Report:
    """Run each schedule that can be run, and report the others as errors."""
    ids: dict[PeriodicTask, str] = {}
    errors = []
    for row in _find(options["names"]):
        try:
            ids[row] = str(operations.schedules.run_now(row).pk)
        except TaskHubError as error:
            errors.append(f"{row.name} was not run: {error}")
    if not ids:
        raise CommandError("\n".join(errors))
    message = f"Enqueued: {', '.join(ids.values())}."
    return Report(message, {"ids": list(ids.values())}, list(ids), errors)


def _skip(options: Options) -> Report:
    rows = _find(options["names"])
    skipped = {row.name: operations.schedules.skip_next(row) for row in rows}
    ticks = {name: tick.isoformat() if tick else None for name, tick in skipped.items()}
    message = "; ".join(
        f"{name} skips {tick}" if tick else f"{name} has no run to skip"
        for name, tick in ticks.items()
    )
    return Report(f"{message}.", {"skipped": ticks}, rows)


def _find(names: Sequence[str]) -> list[PeriodicTask]:
    """Return periodic tasks by name. Raise CommandError if one of them is missing."""
    found = {row.name: row for row in PeriodicTask.writing.filter(name__in=names)}
    for name in names:
        if name not in found:
            known = PeriodicTask.writing.values_list("name", flat=True)
            raise CommandError(
                f"There is no periodic task {name!r}{did_you_mean(name, known)}"
            )
    return [found[name] for name in names]
