"""`manage.py taskhub_check_celery`: what of a Celery project moves, and how."""

import sys
from argparse import ArgumentParser
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, no_translations

from taskhub.interop.celery_check import Finding, Report, Verdict, read_project

_MARKS = {Verdict.MOVES: "moves", Verdict.NOTE: "note", Verdict.HAND: "by hand"}


class Command(BaseCommand):
    """Print what needs a hand, where it is, and what to write instead."""

    help = (
        "Read the source of a project that uses Celery, and show what has to be "
        "written by hand when its import lines change from celery to "
        "taskhub.interop.celery. Nothing is imported or changed. The exit code is 1 "
        "if anything has to be written by hand."
    )
    # The project may not fit the settings yet.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path",
            nargs="?",
            default=".",
            metavar="PATH",
            help="The directory of the project, or one file (default: this directory).",
        )
        parser.add_argument(
            "--all", action="store_true", help="Show also what moves as it is."
        )
        parser.add_argument(
            "--json", action="store_true", help="Print JSON with all findings."
        )

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(options["path"])
        if not root.exists():
            raise CommandError(f"There is no file or directory {options['path']!r}.")
        report = read_project(root)
        if options["json"]:
            encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
            self.stdout.write(encoded)
        else:
            self._print(report, with_all=options["all"])
        sys.exit(1 if report.with_verdict(Verdict.HAND) else 0)

    def _print(self, report: Report, *, with_all: bool) -> None:
        shown = [
            each
            for each in report.findings
            if with_all or each.verdict is not Verdict.MOVES
        ]
        for path, findings in groupby(shown, key=lambda each: each.path):
            self.stdout.write(path)
            for each in findings:
                self.stdout.write(self._line(each))
            self.stdout.write("")
        for path, reason in report.unreadable.items():
            self.stdout.write(self.style.ERROR(f"{path} cannot be read: {reason}"))
        self._summarise(report)

    def _line(self, finding: Finding) -> str:
        mark = _MARKS[finding.verdict].ljust(7)
        if finding.verdict is Verdict.HAND:
            mark = self.style.WARNING(mark)
        advice = f": {finding.advice}" if finding.advice else ""
        return f"  {finding.line:>5}  {mark}  {finding.what}{advice}"

    def _summarise(self, report: Report) -> None:
        if not report.findings:
            self.stdout.write(f"No use of Celery in {report.files} files.")
            return
        moves, noted, by_hand = (
            len(report.with_verdict(verdict))
            for verdict in (Verdict.MOVES, Verdict.NOTE, Verdict.HAND)
        )
        self.stdout.write(
            f"Tasks: {report.tasks}, in {report.files} files. Uses of Celery that move "
            f"by their import lines: {moves}; noted: {noted}; to be written by hand: "
            f"{by_hand}."
        )
