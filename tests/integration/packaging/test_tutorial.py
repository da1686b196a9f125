"""The tutorial, followed exactly in a new project."""

import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import django
import pytest
from django.conf import settings

from tests.servers import free_port, wait_until

PAGE = settings.BASE_DIR / "docs" / "tutorial" / "first-task.md"
#: Commands that run until they are stopped.
SERVERS = ("runserver", "taskworker")


class Reader:
    """Follows the instructions of the page in a directory."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.stack = stack
        self.port = free_port()
        self.environment = {
            # Without the database and the settings of the test suite.
            name: value
            for name, value in os.environ.items()
            if name not in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL")
        } | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            # This replaces the installation of taskhub.
            "PYTHONPATH": str(settings.BASE_DIR),
            "PYTHONUNBUFFERED": "1",
        }
        self.logs: dict[str, Path] = {}

    def write(self, block: str) -> None:
        """Write a file, or append to it, unless it is for another version of Django."""
        place = re.match(
            r"(?:#|<!--) ([\w./]+)(?:, before Django (\d+)\.(\d+))?", block
        )
        path, *before = place.groups()
        if before[0] and django.VERSION[:2] >= tuple(map(int, before)):
            return
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        is_new = path.startswith("shop/") or not target.exists()
        with target.open("w" if is_new else "a") as file:
            file.write(block if is_new else f"\n{block}")

    def run(self, block: str) -> None:
        """Run commands one after another; leave servers running."""
        for line in block.splitlines():
            command = shlex.split(line)
            if command[-1] in SERVERS:
                self.serve(command)
            else:
                subprocess.run(
                    command, cwd=self.directory, env=self.environment, check=True
                )

    def serve(self, command: list[str]) -> None:
        name = command[-1]
        if name == "runserver":
            command = [*command, "--noreload", str(self.port)]
        self.logs[name] = self.directory / f"{name}.log"
        with self.logs[name].open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.stack.callback(process.wait, 30)
        self.stack.callback(process.terminate)
        if name == "runserver":
            self.sign_up()

    def sign_up(self) -> None:
        """Sign up as ada, in a browser without scripts."""
        browser = build_opener(HTTPCookieProcessor())
        url = f"http://127.0.0.1:{self.port}"

        def form() -> str:
            return browser.open(f"{url}/sign-up/").read().decode()

        wait_until(lambda: _answers(form), "the site")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form())[1]
        data = urlencode({"csrfmiddlewaretoken": token, "name": "ada"}).encode()
        answer = browser.open(Request(f"{url}/sign-up/", data))  # noqa: S310
        self.welcome = answer.url
        assert answer.read() == b"Your mail is READY."

    def reload(self) -> bytes:
        """Load the page that follows the sign-up."""
        return build_opener().open(self.welcome).read()

    def talk(self, block: str) -> None:
        """Run a shell session, and compare its output."""
        (self.directory / "talk.txt").write_text(block)
        code = (
            "import doctest, django, sys; django.setup(); sys.exit("
            "doctest.testfile('talk.txt', False, optionflags=doctest.ELLIPSIS)[0])"
        )
        talked = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.directory,
            env=self.environment | {"DJANGO_SETTINGS_MODULE": "mysite.settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert talked.returncode == 0, talked.stdout + talked.stderr


def _answers(form) -> bool:
    with suppress(URLError):
        return bool(form())
    return False


@pytest.fixture
def reader(tmp_path):
    with ExitStack() as stack:
        yield Reader(tmp_path, stack)


def test_the_tutorial_works_if_it_is_followed_exactly(reader):
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    # "console" blocks install taskhub, which is installed here already.
    do = {"sh": reader.run, "python": reader.write, "html": reader.write}
    for kind, block in blocks:
        if kind in do:
            do[kind](block)
    wait_until(lambda: reader.reload() == b"Your mail is SUCCESSFUL.", "the mail")
    reader.talk("\n".join(block for kind, block in blocks if kind == "pycon"))

    log = reader.logs["taskworker"].read_text()
    assert "Subject: Welcome" in log
    assert "Hello ada" in log
    assert "shop.tasks.send_welcome state=SUCCESSFUL" in log
