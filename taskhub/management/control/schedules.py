"""`taskcontrol schedule`: enable, disable, run and skip periodic tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.management.base import CommandError

from taskhub import operations
from taskhub.exceptions import TaskHubError
from taskhub.foundation.nearest import did_you_mean
from taskhub.management.control.verbs import Nouns, Options, Report
from taskhub.models import PeriodicTask

T = TypeVar("T")

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
    changed = _change_each(options, lambda row: operations.schedules.enable([row]))
    return _report_count("Enabled", changed)


def _disable(options: Options) -> Report:
    changed = _change_each(options, lambda row: operations.schedules.disable([row]))
    return _report_count("Disabled", changed)


def _report_count(verb: str, changed: "_Changed[int]") -> Report:
    count = sum(changed.outcomes.values())
    facts = {"count": count}
    return Report(f"{verb}: {count:,}.", facts, changed.rows, changed.errors)


def _run(options: Options) -> Report:
    changed = _change_each(options, operations.schedules.run_now)
    ids = [str(result.pk) for result in changed.outcomes.values()]
    message = f"Enqueued: {', '.join(ids)}."
    return Report(message, {"ids": ids}, changed.rows, changed.errors)


def _skip(options: Options) -> Report:
    changed = _change_each(options, operations.schedules.skip_next)
    ticks = {
        row.name: tick.isoformat() if tick else None
        for row, tick in changed.outcomes.items()
    }
    message = "; ".join(
        f"{name} skips {tick}" if tick else f"{name} has no run to skip"
        for name, tick in ticks.items()
    )
    return Report(f"{message}.", {"skipped": ticks}, changed.rows, changed.errors)


@dataclass(frozen=True)
class _Changed(Generic[T]):
    """What became of each schedule that was changed; a sentence for each other one."""

    outcomes: dict[PeriodicTask, T]
    errors: list[str]

    @property
    def rows(self) -> list[PeriodicTask]:
        return list(self.outcomes)


def _change_each(options: Options, change: Callable[[PeriodicTask], T]) -> _Changed[T]:
    """
    Change each of the named schedules, also after one that cannot be changed.

    Raise CommandError if none can be changed.
    """
    outcomes: dict[PeriodicTask, T] = {}
    errors = []
    for row in _find(options["names"]):
        try:
            outcomes[row] = change(row)
        except TaskHubError as error:
            errors.append(f"{row.name}: {error}")
    if not outcomes:
        raise CommandError("\n".join(errors))
    return _Changed(outcomes, errors)


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
