"""`manage.py taskhub_import_celery_beat`: import django-celery-beat's schedules."""

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
    ImportOptions,
    OldTask,
    RowOutcome,
    Verdict,
    check_tables,
    disable,
    import_tasks,
    read_tasks,
)
from taskhub.management.options import text
from taskhub.management.startup import check_database
from taskhub.models import PeriodicTask
from taskhub.models.periodic.periodic_task import as_schedule

#: The headings of the output, without and with --apply.
_HEADINGS = {
    Verdict.MADE: ("To be created", "Created"),
    Verdict.OVERWRITTEN: ("To be overwritten", "Overwritten"),
    Verdict.LEFT_ALONE: ("Unchanged", "Unchanged"),
    Verdict.NOT_NEEDED: ("Not needed", "Not needed"),
    Verdict.REFUSED: ("Cannot be imported", "Not imported"),
}
_COLUMNS = ("name", "task", "schedule", "next run")


class Command(BaseCommand):
    """Create periodic tasks that fire when those of django-celery-beat do."""

    help = (
        "Create periodic tasks from django-celery-beat's rows, which fire at the same "
        "times. Without --apply, only show what would be created. The exit code is 1 "
        "if some rows cannot be imported."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self._add_write_options(parser)
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            metavar="ALIAS",
            help="The database of django-celery-beat's tables (default: %(default)s).",
        )
        parser.add_argument(
            "--only",
            action="append",
            default=[],
            type=text,
            metavar="NAME",
            help="Import only the row with this name; may be repeated.",
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            type=_pair,
            metavar="OLD=NEW",
            help="The new path of a task; may be repeated.",
        )
        parser.add_argument(
            "--map-queue",
            action="append",
            default=[],
            type=_pair,
            metavar="OLD=NEW",
            help="The new name of a queue, or nothing for the task's queue; may be "
            "repeated.",
        )
        parser.add_argument(
            "--priority",
            choices=["redis", "amqp"],
            help="Import priorities of Celery with Redis, where 0 is the highest, or "
            "with AMQP, where 0 is the lowest. Left out by default.",
        )

    def _add_write_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--apply", action="store_true", help="Write, in one transaction."
        )
        parser.add_argument(
            "--update",
            action="store_true",
            help="Overwrite periodic tasks of the same names.",
        )
        parser.add_argument(
            "--disable-old",
            action="store_true",
            help="With --apply: disable the old rows of imported schedules, so that "
            "only taskhub fires them.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["disable_old"] and not options["apply"]:
            raise CommandError("--disable-old needs --apply.")
        check_database()
        tasks = _read_tasks(options["database"])
        import_options = ImportOptions(
            tasks=dict(options["map"]),
            queues=dict(options["map_queue"]),
            priority=options["priority"],
        )
        _check_known("--map", import_options.tasks, {old.row.task for old in tasks})
        queues = {old.row.queue for old in tasks if old.row.queue}
        _check_known("--map-queue", import_options.queues, queues)
        _check_known("--only", options["only"], {old.row.name for old in tasks})
        only = options["only"]
        selected = [old for old in tasks if not only or old.row.name in only]
        outcomes, disabled = self._import(selected, import_options, options)
        self._print(outcomes, disabled, options)
        if any(outcome.verdict is Verdict.REFUSED for outcome in outcomes):
            sys.exit(1)

    def _import(
        self,
        tasks: Sequence[OldTask],
        import_options: ImportOptions,
        options: dict[str, Any],
    ) -> tuple[list[RowOutcome], int]:
        now, disabled = timezone.now(), 0
        with ExitStack() as stack:
            if options["disable_old"]:
                # Commit the old rows last: two runs of a tick are better than none.
                stack.enter_context(transaction.atomic(using=options["database"]))
            outcomes = import_tasks(
                tasks,
                import_options,
                now,
                update=options["update"],
                write=options["apply"],
            )
            if options["disable_old"]:
                imported = [each.old for each in outcomes if each.is_imported]
                disabled = disable(imported, options["database"], now)
        return outcomes, disabled

    def _print(
        self, outcomes: Sequence[RowOutcome], disabled: int, options: dict[str, Any]
    ) -> None:
        counts = []
        for verdict, headings in _HEADINGS.items():
            group = [each for each in outcomes if each.verdict is verdict]
            if group:
                heading = headings[options["apply"]]
                self.stdout.write(f"{heading}:\n{_table(group)}\n")
                counts.append(f"{heading.lower()} {len(group)}")
        if not getattr(settings, "DJANGO_CELERY_BEAT_TZ_AWARE", True):
            self.stdout.write(
                "DJANGO_CELERY_BEAT_TZ_AWARE is off: Celery's beat uses its own time "
                "zone instead of the crontabs' zones. Check the zones above.\n"
            )
        summary = ", ".join(counts) or "there are none"
        self.stdout.write(f"Of {len(outcomes)} periodic tasks: {summary}.")
        if not options["apply"]:
            self.stdout.write("Nothing was written; run this again with --apply.")
            return
        if disabled:
            self.stdout.write(f"Disabled {disabled} of the old rows.")
        still_enabled = [
            each for each in outcomes if each.is_imported and each.old.row.enabled
        ]
        if still_enabled and not options["disable_old"]:
            self.stdout.write(
                f"{len(still_enabled)} of the old rows are still enabled: stop "
                "Celery's beat, or run this again with --disable-old; otherwise both "
                "beats fire them."
            )


def _read_tasks(alias: str) -> list[OldTask]:
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
    """Raise CommandError for a name that no row of django-celery-beat has."""
    for name in names:
        if name not in known:
            raise CommandError(
                f"{option}: no row has {name!r}{did_you_mean(name, known)}"
            )


def _table(outcomes: Sequence[RowOutcome]) -> str:
    """Return a table of rows that are written, or a list of the names of other rows."""
    if outcomes[0].verdict not in (Verdict.MADE, Verdict.OVERWRITTEN):
        return "".join(
            f"  {each.old.row.name}\n{_remarks(each)}" for each in outcomes
        ).rstrip("\n")
    rows = [_COLUMNS, *(_cells(each.row) for each in outcomes if each.row)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    with_remarks = (
        f"{line.rstrip()}\n{_remarks(outcome)}"
        for line, outcome in zip(lines, outcomes, strict=True)
    )
    return "\n".join(f"  {line.rstrip()}" for line in [head, *with_remarks])


def _cells(row: PeriodicTask) -> tuple[str, ...]:
    schedule = as_schedule(row)
    when = "disabled"
    if row.next_run_at:
        local = row.next_run_at.astimezone(schedule.zone)
        when = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return row.name, row.task_path, schedule.text, when


def _remarks(outcome: RowOutcome) -> str:
    return "".join(f"    {remark}\n" for remark in outcome.remarks)
