"""What can be done to results from the command line."""

from collections.abc import Sequence
from uuid import UUID

from django.core.management.base import CommandError

from taskhub import operations
from taskhub.management.control.control import Control, Options, Told
from taskhub.models import Status, TaskResult


def _cancel(names: list[str], options: Options) -> Told:
    rows = _find(names)
    whom = f" by {options['who']}" if options["who"] else ""
    reason = options["reason"] or f"It was cancelled{whom}."
    done = operations.results.cancel(
        TaskResult.writing.filter(pk__in=rows),
        reason=reason,
        by_force=options["by_force"],
    )
    said = f"{done.waiting:,} that waited, {done.running:,} that ran."
    facts = {"waiting": done.waiting, "running": done.running}
    # As they were before; those that are cancelled now are still to end by themselves.
    earlier = [row for row in rows.values() if row.status == Status.CANCELLED]
    if not options["by_force"] and (left := operations.results.still_running(earlier)):
        said += f" Cancelled before and still running: {len(left):,}; use --by-force."
    return Told(f"Cancelled: {said}", facts, list(rows.values()))


def _retry(names: list[str], options: Options) -> Told:
    rows = _find(names)
    count = operations.results.retry(
        TaskResult.writing.filter(pk__in=rows),
        per_second=options["per_second"],
    )
    left = len(rows) - count
    note = f" {left:,} had not finished, and are left alone." if left else ""
    said = f"To be tried again: {count:,}.{note}"
    return Told(said, {"count": count}, list(rows.values()))


def _find(names: Sequence[str]) -> dict[UUID, TaskResult]:
    """Return results by their ids. Raise CommandError if one is not there."""
    pks = [_id(name) for name in names]
    found = TaskResult.writing.in_bulk(pks)
    for pk in pks:
        if pk not in found:
            raise CommandError(f"There is no result {pk}; nothing was done.")
    return found


def _id(name: str) -> UUID:
    try:
        return UUID(name)
    except ValueError:
        raise CommandError(f"{name!r} is no id of a result.") from None


CONTROLS = {
    "cancel": Control(
        "ID…",
        "Cancel unfinished results.",
        _cancel,
        ("reason", "by_force"),
        keeps_reason=True,
    ),
    "retry": Control(
        "ID…",
        "Try finished results again.",
        _retry,
        ("reason", "per_second"),
    ),
}
