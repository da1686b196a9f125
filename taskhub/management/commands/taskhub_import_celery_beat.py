"""`manage.py taskhub_import_celery_beat`: take over django-celery-beat's schedules."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.utils import timezone

from taskhub.exceptions import TablesMissing
from taskhub.foundation.nearest import did_you_mean
from taskhub.interop.celery_beat import (
    Finding,
    OldTask,
    Verdict,
    Wishes,
    carry_over,
    check_tables,
    disable,
    read_tasks,
)
from taskhub.management.options import text
from taskhub.management.startup import check_database
from taskhub.models import PeriodicTask
from taskhub.models.periodic.periodic_task import as_schedule

#: In the order in which they are told, what they are called before and after.
_WORDS = {
    Verdict.MADE: ("To be made", "Made"),
    Verdict.OVERWRITTEN: ("To be overwritten", "Overwritten"),
    Verdict.LEFT_ALONE: ("Left alone", "Left alone"),
    Verdict.NOT_NEEDED: ("Not needed", "Not needed"),
    Verdict.REFUSED: ("Cannot be carried over", "Not carried over"),
}
_HEAD = ("name", "task", "schedule", "next run")


class Command(BaseCommand):
    """Make periodic tasks that fire when django-celery-beat's do."""

    help = (
        "Make periodic tasks of django-celery-beat's rows, which fire at the same "
        "times. Only says what it would make, unless --apply is given. The exit code "
        "is 1 if some cannot be carried over."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the options."""
        parser.add_argument(
            "--apply", action="store_true", help="Write, in one transaction."
        )
        parser.add_argument(
            "--update",
            action="store_true",
            help="Overwrite periodic tasks of the same names, which are left alone "
            "otherwise.",
        )
        parser.add_argument(
            "--disable-old",
            action="store_true",
            help="With --apply: disable the old rows of what is carried over, so that "
            "only taskhub fires it.",
        )
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            metavar="ALIAS",
            help="Where django-celery-beat's tables are (default: %(default)s).",
        )
        parser.add_argument(
            "--only",
            action="append",
            default=[],
            type=text,
            metavar="NAME",
            help="The name of a row to carry over; may be given several times. All by "
            "default.",
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            type=_pair,
            metavar="OLD=NEW",
            help="What a task is called now; may be given several times.",
        )
        parser.add_argument(
            "--map-queue",
            action="append",
            default=[],
            type=_pair,
            metavar="OLD=NEW",
            help="What a queue is called now, or nothing for the task's own; may be "
            "given several times.",
        )
        parser.add_argument(
            "--priority",
            choices=["redis", "amqp"],
            help="Carry priorities over: of Redis, where 0 goes first, or of AMQP, "
            "where it goes last. Left out by default.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what is needed, find what becomes of each row, do it and tell."""
        if options["disable_old"] and not options["apply"]:
            raise CommandError("--disable-old goes with --apply.")
        check_database()
        tasks = _read(options["database"])
        wishes = Wishes(
            tasks=dict(options["map"]),
            queues=dict(options["map_queue"]),
            priority=options["priority"],
        )
        _check_known("--map", wishes.tasks, {old.row.task for old in tasks})
        queues = {old.row.queue for old in tasks if old.row.queue}
        _check_known("--map-queue", wishes.queues, queues)
        _check_known("--only", options["only"], {old.row.name for old in tasks})
        chosen = [
            old
            for old in tasks
            if not options["only"] or old.row.name in options["only"]
        ]
        findings, disabled = self._carry_over(chosen, wishes, options)
        self._tell(findings, disabled, options)
        if any(finding.verdict is Verdict.REFUSED for finding in findings):
            sys.exit(1)

    def _carry_over(
        self, tasks: Sequence[OldTask], wishes: Wishes, options: dict[str, Any]
    ) -> tuple[list[Finding], int]:
        now, disabled = timezone.now(), 0
        with ExitStack() as stack:
            if options["disable_old"]:
                # The outer one, should they be two: rather both fire than neither.
                stack.enter_context(transaction.atomic(using=options["database"]))
            findings = carry_over(
                tasks, wishes, now, update=options["update"], write=options["apply"]
            )
            if options["disable_old"]:
                carried = [each.old for each in findings if each.is_carried]
                disabled = disable(carried, options["database"], now)
        return findings, disabled

    def _tell(
        self, findings: Sequence[Finding], disabled: int, options: dict[str, Any]
    ) -> None:
        counts = []
        for verdict, words in _WORDS.items():
            chosen = [each for each in findings if each.verdict is verdict]
            if chosen:
                word = words[options["apply"]]
                self.stdout.write(f"{word}:\n{_table(chosen)}\n")
                counts.append(f"{word.lower()} {len(chosen)}")
        if not getattr(settings, "DJANGO_CELERY_BEAT_TZ_AWARE", True):
            self.stdout.write(
                "DJANGO_CELERY_BEAT_TZ_AWARE is off: Celery's beat goes by a time zone "
                "of its own, and not by the crontabs'. Look at the zones above.\n"
            )
        summary = ", ".join(counts) or "there are none"
        self.stdout.write(f"Of {len(findings)} periodic tasks: {summary}.")
        if not options["apply"]:
            self.stdout.write("Nothing is written yet; that is what --apply is for.")
            return
        if disabled:
            self.stdout.write(f"Disabled of the old rows: {disabled}.")
        both = [each for each in findings if each.is_carried and each.old.row.enabled]
        if both and not options["disable_old"]:
            self.stdout.write(
                f"Of the old rows, {len(both)} are still enabled: stop Celery's beat, "
                "or run this again with --disable-old, or both will fire them."
            )


def _read(alias: str) -> list[OldTask]:
    if alias not in connections:
        raise CommandError(
            f"There is no database {alias!r} in DATABASES"
            f"{did_you_mean(alias, connections)}"
        )
    try:
        check_tables(alias)
        return read_tasks(alias)
    except TablesMissing as error:
        raise CommandError(str(error)) from error
    except DatabaseError as error:
        raise CommandError(
            f"Cannot read the database {alias!r}: {str(error).strip()}"
        ) from error


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not old or not equals:
        raise ArgumentTypeError(f"expected OLD=NEW, not {text!r}")
    return old.strip(), new.strip()


def _check_known(option: str, names: Iterable[str], known: set[str]) -> None:
    """Raise CommandError for a name that no row has."""
    for name in names:
        if name not in known:
            raise CommandError(
                f"{option}: no row has {name!r}{did_you_mean(name, known)}"
            )


def _table(findings: Sequence[Finding]) -> str:
    """Return lines: rows with their schedules if any will fire, or only their names."""
    if findings[0].verdict not in (Verdict.MADE, Verdict.OVERWRITTEN):
        return "".join(
            f"  {each.old.row.name}\n{_remarks(each)}" for each in findings
        ).rstrip("\n")
    rows = [_HEAD, *(_cells(each.row) for each in findings if each.row)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    told = zip(lines, findings, strict=True)
    return "\n".join(
        f"  {line.rstrip()}"
        for line in [
            head,
            *(f"{line.rstrip()}\n{_remarks(each)}" for line, each in told),
        ]
    )


def _cells(row: PeriodicTask) -> tuple[str, ...]:
    schedule = as_schedule(row)
    when = "disabled"
    if row.next_run_at:
        local = row.next_run_at.astimezone(schedule.zone)
        when = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return row.name, row.task_path, schedule.text, when


def _remarks(finding: Finding) -> str:
    return "".join(f"    {remark}\n" for remark in finding.remarks)
