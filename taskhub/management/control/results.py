"""`taskcontrol result`: cancel and retry results, and decide about those on hold."""

from collections.abc import Sequence
from uuid import UUID

from django.core.management.base import CommandError

from taskhub import operations
from taskhub.management.control.verbs import Nouns, Options, Report
from taskhub.models import Status, TaskResult
from taskhub.operations.results.rates import check_rate

_IDS = (("ids", "ID…"),)


def add_verbs(nouns: Nouns) -> None:
    """Add the noun `result` and its verbs."""
    result = nouns.add_noun("result", "Cancel, retry and mark results.")
    cancel = result.add_verb(
        "cancel", _cancel, _IDS, "Cancel unfinished results.", reason="row"
    )
    cancel.add_argument(
        "--by-force",
        action="store_true",
        help="Replace the processes that run them.",
    )
    for verb, decide in (("mark-successful", _succeed), ("mark-failed", _fail)):
        result.add_verb(
            verb,
            decide,
            _IDS,
            f"Finish results that are on hold: {verb.replace('-', ' as ')}.",
            reason="row",
        )
    retry = result.add_verb(
        "retry",
        _retry,
        _IDS,
        "Retry results that are finished or on hold.",
        reason="history",
    )
    retry.add_argument(
        "--per-second",
        type=float,
        metavar="N",
        help="Spread the retries over time: this many become due in a second.",
    )


def _cancel(options: Options) -> Report:
    rows = _find(options["ids"])
    by = f" by {options['who']}" if options["who"] else ""
    reason = options["reason"] or f"It was cancelled{by}."
    cancelled = operations.results.cancel(
        TaskResult.writing.filter(pk__in=rows),
        reason=reason,
        by_force=options["by_force"],
    )
    message = (
        f"Cancelled: {cancelled.waiting:,} waiting, {cancelled.running:,} running."
    )
    # Look only at results that were cancelled before: the tasks of results that are
    # cancelled now may still end without force.
    earlier = [row for row in rows.values() if row.status == Status.CANCELLED]
    running = operations.results.still_running(earlier)
    if running and not options["by_force"]:
        message += (
            f" Cancelled before, still running: {len(running):,}; use --by-force."
        )
    counts = {"waiting": cancelled.waiting, "running": cancelled.running}
    return Report(message, counts, list(rows.values()))


def _retry(options: Options) -> Report:
    check_rate(options["per_second"], "--per-second")
    rows = _find(options["ids"])
    count = operations.results.retry(
        TaskResult.writing.filter(pk__in=rows), per_second=options["per_second"]
    )
    unfinished = len(rows) - count
    note = f" Left alone, since unfinished: {unfinished:,}." if unfinished else ""
    message = f"Retried: {count:,}.{note}"
    return Report(message, {"count": count}, list(rows.values()))


def _succeed(options: Options) -> Report:
    return _decide(options, successful=True)


def _fail(options: Options) -> Report:
    return _decide(options, successful=False)


def _decide(options: Options, *, successful: bool) -> Report:
    rows = _find(options["ids"])
    word = "successful" if successful else "failed"
    by = f" by {options['who']}" if options["who"] else ""
    count = operations.results.decide(
        TaskResult.writing.filter(pk__in=rows),
        successful=successful,
        reason=options["reason"] or f"Marked as {word}{by}.",
    )
    others = len(rows) - count
    note = f" Left alone, since not on hold: {others:,}." if others else ""
    message = f"Marked as {word}: {count:,}.{note}"
    return Report(message, {"count": count}, list(rows.values()))


def _find(ids: Sequence[str]) -> dict[UUID, TaskResult]:
    """Return results by their ids. Raise CommandError if one of them is missing."""
    pks = [_parse_id(text) for text in ids]
    found = TaskResult.writing.in_bulk(pks)
    for pk in pks:
        if pk not in found:
            raise CommandError(f"There is no result {pk}; nothing was done.")
    return found


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(f"{text!r} is not the id of a result.") from None
