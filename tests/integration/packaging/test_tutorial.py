"""
The tutorial, followed exactly in an empty folder.

A reader executes the blocks of the page in order, with the installed wheel:

- "sh" blocks are commands. Servers keep running while the page is read.
- "python" and "html" blocks are files, which their first lines name.
- "pycon" blocks are one session of `manage.py shell`, which begins after the rest.
- "text" blocks are lines that the worker has printed by then.

The first line of a block may say for which versions of Django it is. "console" blocks
are commands that cannot be run here.
"""

import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from contextlib import ExitStack
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import django
import pytest
from django.conf import settings

from tests.servers import free_port, wait_until

pytestmark = pytest.mark.any_database

PAGE = settings.BASE_DIR / "docs" / "tutorial" / "first-task.md"
BLOCK = re.compile(r"```(sh|python|html|pycon|text)\n(.*?)```", flags=re.DOTALL)
#: Commands that run until they are stopped.
SERVERS = ("runserver", "taskworker")
#: Runs a session that is stored in a file, and compares its output.
TALK = (
    "import doctest, sys; sys.exit("
    "doctest.testfile('talk.txt', False, optionflags=doctest.ELLIPSIS)[0])"
)


class Reader:
    """Follows the instructions of the page in a folder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONUNBUFFERED": "1",
            # Dependencies are in the environment of the suite; see make_environment().
            "PIP_NO_INDEX": "1",
            "DJANGO_SUPERUSER_PASSWORD": "secret",
        }
        self.processes: dict[str, subprocess.Popen] = {}
        self.session = ""

    def follow(self, kind: str, block: str) -> None:
        """Do what a block of the page says, unless it is for another Django."""
        if not _is_for_this_django(block):
            return
        if kind == "sh":
            self.run(block)
        elif kind == "pycon":
            self.session += block
        elif kind == "text":
            self.expect_output(block)
        else:
            self.write(block)

    def write(self, block: str) -> None:
        """Write a file; append to a file that startproject has made."""
        path = self.folder / re.match(r"(?:#|<!--) ([\w./]+)", block)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        is_ours = path.is_relative_to(self.folder / "shop")
        with path.open("w" if is_ours else "a") as file:
            file.write(block if is_ours else f"\n{block}")

    def run(self, block: str) -> None:
        """Run commands one after another; leave servers running."""
        for line in block.splitlines():
            command = shlex.split(line, comments=True)
            if line == "python -m venv .venv":
                self.make_environment()
            elif command and command[-1] in SERVERS:
                self.serve(command)
            elif command and command[-1] == "createsuperuser":
                self.execute(f"{line} --no-input --username=admin --email=")
            else:
                self.execute(line)

    def execute(self, line: str) -> None:
        """Run a command in a shell, and keep the environment that it leaves."""
        after = self.folder / "environment"
        subprocess.run(
            ["sh", "-ec", f"{line}\nenv -0 >{after}"],
            cwd=self.folder,
            env=self.environment,
            check=True,
        )
        pairs = after.read_text().rstrip("\0").split("\0")
        self.environment = dict(pair.split("=", 1) for pair in pairs)

    def make_environment(self) -> None:
        """Make a virtual environment in which the suite's packages are installed."""
        subprocess.run(
            [sys.executable, "-m", "venv", ".venv"], cwd=self.folder, check=True
        )
        (packages,) = self.folder.glob(".venv/lib/*/site-packages")
        (packages / "suite.pth").write_text(sysconfig.get_path("purelib"))
        scripts = sysconfig.get_path("scripts")
        self.environment["PATH"] = f"{scripts}:{self.environment['PATH']}"

    def serve(self, command: list[str]) -> None:
        name = command[-1]
        if name == "runserver":
            command = [*command, "--noreload", self.url.partition("//")[2]]
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.stack.callback(process.wait, 30)
        self.stack.callback(process.kill)
        self.processes[name] = process
        if name == "runserver":
            self.sign_up()

    def log(self, name: str) -> Path:
        """Return the path of a server's output."""
        return self.folder / f"{name}.log"

    def sign_up(self) -> None:
        """Sign up as ada, as a browser does."""
        browser = build_opener(HTTPCookieProcessor())
        wait_until(lambda: _answers(f"{self.url}/sign-up/"), "the site")
        data = {"name": "ada"}
        answer = browser.open(_post(browser, f"{self.url}/sign-up/", data))
        self.welcome = answer.url
        assert answer.read() == b"Your mail is READY."

    def expect_output(self, block: str) -> None:
        """Wait until the worker has printed lines like those of the block."""
        log = self.log("taskworker")

        def is_printed() -> bool:
            return OutputChecker().check_output(
                f"{block}...", log.read_text(), ELLIPSIS
            )

        try:
            wait_until(is_printed, "the worker's output", 20)
        except TimeoutError:
            # Show the difference.
            assert log.read_text() == block

    def reload(self) -> bytes:
        """Load the page that follows the sign-up."""
        return build_opener().open(self.welcome).read()

    def talk(self) -> None:
        """Run the session of the shell, and compare its output."""
        (self.folder / "talk.txt").write_text(self.session)
        talked = subprocess.run(
            ["python", "manage.py", "shell", "-c", TALK],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert talked.returncode == 0, talked.stdout + talked.stderr

    def open_admin(self) -> str:
        """Log in to the admin, and return its list of results."""
        browser = build_opener(HTTPCookieProcessor())
        page = f"{self.url}/admin/taskhub/taskresult/"
        login = f"{self.url}/admin/login/?{urlencode({'next': page})}"
        data = {"username": "admin", "password": "secret"}
        return browser.open(_post(browser, login, data)).read().decode()

    def interrupt(self, name: str) -> int:
        """Press Ctrl-C in the terminal of a server, and return its exit code."""
        self.processes[name].send_signal(signal.SIGINT)
        return self.processes[name].wait(30)


def _is_for_this_django(block: str) -> bool:
    first = block.partition("\n")[0]
    version = django.VERSION[:2]
    if before := re.search(r", before Django (\d+)\.(\d+)$", first):
        return version < tuple(map(int, before.groups()))
    if since := re.fullmatch(r"# Django (\d+)\.(\d+) or later", first):
        return version >= tuple(map(int, since.groups()))
    if only := re.fullmatch(r"# Django (\d+)\.(\d+)", first):
        return version == tuple(map(int, only.groups()))
    return True


def _answers(url: str) -> bool:
    try:
        build_opener().open(url)
    except URLError:
        return False
    return True


def _post(browser, url: str, data: dict[str, str]) -> Request:
    """Return the request that sends the form of a page."""
    form = browser.open(url).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[1]
    filled = {"csrfmiddlewaretoken": token, **data}
    return Request(url, urlencode(filled).encode())  # noqa: S310


@pytest.fixture
def reader(tmp_path, wheel):
    shutil.copy(wheel, tmp_path)
    with ExitStack() as stack:
        yield Reader(tmp_path, stack)


def test_the_tutorial_works_if_it_is_followed_exactly(reader):
    for kind, block in BLOCK.findall(PAGE.read_text()):
        reader.follow(kind, block)
    reader.talk()

    assert reader.reload() == b"Your mail is SUCCESSFUL."
    assert "3 results" in reader.open_admin()
    assert reader.interrupt("taskworker") == 0
