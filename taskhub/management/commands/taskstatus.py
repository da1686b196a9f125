"""`manage.py taskstatus`: show the status of the system for people and monitors."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, no_translations

from taskhub.exceptions import UnknownTask
from taskhub.management.startup import check_database
from taskhub.operations.status import SystemStatus, read_status
from taskhub.operations.tasks import options_of
from taskhub.tasks import find_task


class Command(BaseCommand):
    """Print queues, nodes and problems; exit with 1 if there are problems."""

    help = (
        "Show queues, nodes, and what needs attention. The exit code is 1 if anything "
        "needs attention, for monitors."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="Print JSON instead of tables."
        )
        parser.add_argument(
            "--task",
            metavar="PATH",
            help="Show the options of this task instead, and where each comes from.",
        )

    # Monitors parse the output.
    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        if options["task"]:
            self._print_options(options["task"], as_json=options["json"])
            return
        check_database()
        status = read_status()
        if options["json"]:
            self.stdout.write(msgspec.json.format(msgspec.json.encode(status)).decode())
        else:
            self._print(status)
        sys.exit(1 if status.needs_attention else 0)

    def _print_options(self, path: str, *, as_json: bool) -> None:
        try:
            found = options_of(find_task(path))
        except UnknownTask as error:
            raise CommandError(str(error)) from None
        if as_json:
            self.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode())
            return
        self._table(
            ["option", "value", "from"],
            ([each.name, each.value, each.origin] for each in found),
        )

    def _print(self, status: SystemStatus) -> None:
        self._table(
            ["queue", "ready", "scheduled", "in progress", "oldest", "nodes"],
            (
                [
                    queue.name,
                    f"{queue.ready:,}",
                    f"{queue.delayed:,}",
                    f"{queue.held:,}",
                    "-"
                    if queue.oldest_seconds is None
                    else f"{queue.oldest_seconds:.0f} s",
                    queue.nodes,
                ]
                for queue in status.queues
            ),
        )
        self._table(
            ["node", "processes", "running", "lingering", "memory", "seen", "queues"],
            (
                [
                    node.name,
                    f"{node.processes} of {node.processes_wanted}",
                    node.running,
                    node.lingering,
                    f"{node.memory_mib} MiB",
                    f"{node.seen_seconds_ago:.0f} s ago",
                    ",".join(node.queues),
                ]
                for node in status.nodes
            ),
        )
        if not status.needs_attention:
            self.stdout.write("All is well.")
        for sentence in status.needs_attention:
            self.stdout.write(self.style.ERROR(sentence))

    def _table(self, titles: list[str], rows: Iterable[list[object]]) -> None:
        lines = [titles, *([str(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = map(str.ljust, line, widths)
            self.stdout.write("  ".join(cells).rstrip())
        self.stdout.write("")
