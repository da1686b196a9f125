"""`manage.py demo`: the whole site, its workers, and its main job, by one command."""

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
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Max, Min

from project import tasks

_LOOK_SECONDS = 0.1
_BAR_WIDTH = 30


class Command(BaseCommand):
    """Prepare the site, start it with its workers, and analyse the standard library."""

    help = "Run the demo: web server, workers and the main job. Ctrl-C stops all."
    # The tables that some checks look at may not be there yet.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the options."""
        parser.add_argument(
            "--once",
            action="store_true",
            help="End after the main job, with 1 if anything failed.",
        )
        parser.add_argument(
            "--port", type=int, default=8000, help="Where to serve, if it is free."
        )
        parser.add_argument(
            "--processes", type=int, default=os.cpu_count() or 1, help="For the worker."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it, and leave nothing running, however it ends."""
        # Both end in the same way: what was started is stopped.
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
        """Make sure that there is an admin, and return its password."""
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
        """Run a management command beside this one, its output going to a file."""
        log = settings.VAR_DIR / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, sys.argv[0], *command],
                stdout=file,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for this process, which stops the others in its own time.
                start_new_session=True,
            )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def _run_main_job(self, node: "subprocess.Popen[bytes]") -> bool:
        broker = settings.TASKS["default"]["OPTIONS"]["broker_url"].partition(":")[0]
        begun = time.monotonic()
        run = tasks.start_analysis()
        total = tasks.results_of(run).count()
        self.stdout.write(
            f"Handed off {total} modules of Python's standard library in "
            f"{time.monotonic() - begun:.1f} s, one task each. Broker: {broker}"
        )
        while not (summary := tasks.summary_of(run)) or summary.return_value is None:
            if node.poll() is not None:
                log = (settings.VAR_DIR / "worker.log").read_text()
                raise CommandError(f"The worker ended. It said:\n{log}")
            if summary and summary.status == "FAILED":
                break
            self._draw(tasks.results_of(run).finished().count(), total)
            time.sleep(_LOOK_SECONDS)
        self._draw(total, total)
        return self._tell(run)

    def _draw(self, done: int, total: int) -> None:
        if self.stdout.isatty():
            filled = "█" * (_BAR_WIDTH * done // total)
            bar = filled.ljust(_BAR_WIDTH, "░")
            self.stdout.write(f"\r{bar} {done} of {total}", ending="")
            self.stdout.flush()

    def _tell(self, run: UUID) -> bool:
        """Print what came of the main job; return whether all of it succeeded."""
        results = tasks.results_of(run)
        stats = results.stats()
        times = results.aggregate(begun=Min("started_at"), ended=Max("finished_at"))
        took: timedelta = times["ended"] - times["begun"]
        rate = stats.finished / took.total_seconds()
        self.stdout.write(
            f"\n{stats.successful} succeeded, {stats.failed} failed, in "
            f"{took.total_seconds():.1f} s: {rate:,.0f} modules a second."
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
        place = f"http://127.0.0.1:{port}"
        self.stdout.write(
            f"\nThe site   {place}/\n"
            f"The admin  {place}/admin/   login: admin   password: {password}\n"
            f"The logs   {_shown(settings.VAR_DIR)}/worker.log, web.log\n"
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


def _shown(path: Path) -> str:
    """Return a path as seen from here, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
