"""`manage.py demo`: start the site and its worker, and run the main job."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Max, Min

from project import tasks

_POLL_SECONDS = 0.1
_BAR_WIDTH = 30


class Command(BaseCommand):
    """Migrate, start the web server and a worker, and analyse the standard library."""

    help = "Run the demo: web server, worker and main job. Ctrl-C stops everything."
    # Some checks need tables, which may not exist yet.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once",
            action="store_true",
            help="Stop after the main job. The exit code is 1 if a task failed.",
        )
        parser.add_argument(
            "--port",
            type=int,
            default=8000,
            help="The port of the site, or the next free port.",
        )
        parser.add_argument(
            "--processes",
            type=int,
            default=os.cpu_count() or 1,
            help="The number of worker processes.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # TERM raises KeyboardInterrupt as Ctrl-C does, so that children are stopped.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        try:
            succeeded = self._run(options)
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")
            return
        if not succeeded:
            sys.exit(1)

    def _run(self, options: dict[str, Any]) -> bool:
        """Run everything; return whether all tasks of the main job succeeded."""
        call_command("migrate", verbosity=0)
        password = self._make_admin()
        port = _free_port(options["port"])
        worker = ["taskworker", "--beat", f"--processes={options['processes']}"]
        server = ["runserver", "--noreload", f"127.0.0.1:{port}"]
        with self._running("worker", *worker) as node, self._running("web", *server):
            succeeded = self._run_main_job(node)
            if not options["once"]:
                self._serve(port, password)
        return succeeded

    def _make_admin(self) -> str:
        """Create the user admin if it is missing; return its password."""
        secret = settings.VAR_DIR / "admin-password.txt"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_urlsafe(9))
        password = secret.read_text()
        user, _made = get_user_model().objects.get_or_create(
            username="admin", defaults={"is_staff": True, "is_superuser": True}
        )
        if not user.check_password(password):
            user.set_password(password)
            user.save()
        return password

    @contextmanager
    def _running(self, name: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a management command until the block ends; write its output to a file."""
        log = settings.VAR_DIR / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, sys.argv[0], *command],
                stdout=file,
                stderr=subprocess.STDOUT,
                # Ctrl-C must reach only this process, which stops the other ones.
                start_new_session=True,
            )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def _run_main_job(self, node: "subprocess.Popen[bytes]") -> bool:
        """Enqueue the main job and wait for it; return whether all tasks succeeded."""
        broker = settings.TASKS["default"]["OPTIONS"]["broker_url"].partition(":")[0]
        started = time.monotonic()
        run = tasks.start_analysis()
        total = tasks.results_of(run).count()
        self.stdout.write(
            f"Enqueued {total} modules of Python's standard library in "
            f"{time.monotonic() - started:.1f} s, one task each. Broker: {broker}"
        )
        while not (summary := tasks.summary_of(run)) or summary.return_value is None:
            if node.poll() is not None:
                log = (settings.VAR_DIR / "worker.log").read_text()
                raise CommandError(f"The worker has stopped. Its log:\n{log}")
            if summary and summary.status == "FAILED":
                break
            self._draw_bar(tasks.results_of(run).finished().count(), total)
            time.sleep(_POLL_SECONDS)
        self._draw_bar(total, total)
        return self._print_outcome(run)

    def _draw_bar(self, done: int, total: int) -> None:
        if self.stdout.isatty():
            filled = "█" * (_BAR_WIDTH * done // total)
            bar = filled.ljust(_BAR_WIDTH, "░")
            self.stdout.write(f"\r{bar} {done} of {total}", ending="")
            self.stdout.flush()

    def _print_outcome(self, run: UUID) -> bool:
        """Print the outcome of the main job; return whether all tasks succeeded."""
        results = tasks.results_of(run)
        stats = results.stats()
        times = results.aggregate(first=Min("started_at"), last=Max("finished_at"))
        duration: timedelta = times["last"] - times["first"]
        rate = stats.finished / duration.total_seconds()
        self.stdout.write(
            f"\n{stats.successful} succeeded, {stats.failed} failed, in "
            f"{duration.total_seconds():.1f} s: {rate:,.0f} modules per second."
        )
        summary = tasks.summary_of(run)
        found = summary.return_value if summary else None
        if found is None:
            self.stderr.write("The summary failed; see its result in the admin.")
            return False
        longest = found["longest"][0]
        self.stdout.write(
            f"They have {found['lines']:,} lines, {found['functions']:,} functions and "
            f"{found['classes']:,} classes.\nThe longest function is {longest['name']} "
            f"in {longest['path']}, with {longest['lines']:,} lines.\n"
            f"The most imported module is {found['imported'][0][0]}."
        )
        return stats.failed == 0

    def _serve(self, port: int, password: str) -> None:
        url = f"http://127.0.0.1:{port}"
        self.stdout.write(
            f"\nThe site   {url}/\n"
            f"The admin  {url}/admin/   login: admin   password: {password}\n"
            f"The logs   {os.path.relpath(settings.VAR_DIR)}/worker.log, web.log\n"
            "Ctrl-C stops everything."
        )
        self.stdout.flush()
        signal.pause()


def _free_port(wanted: int) -> int:
    """Return the wanted port, or the next one that is free."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise CommandError(f"No port from {wanted} to {wanted + 99} is free; use --port.")
