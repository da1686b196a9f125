"""The files on the pages about deployment work as they are shown."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from urllib.error import URLError
from urllib.request import urlopen

import django
import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from tests.servers import free_port, wait_until

pytestmark = [pytest.mark.any_broker, pytest.mark.any_database]

HOWTO = settings.BASE_DIR / "docs" / "howto"
TEXT = "".join((HOWTO / name).read_text() for name in ("deploy.md", "containers.md"))


def files(kind: str) -> dict[str, str]:
    """Return the files that blocks of a kind show, by path."""
    return dict(re.findall(rf"```{kind}\n# (\S+)\n(.*?)```", TEXT, flags=re.DOTALL))


def units() -> dict[str, configparser.ConfigParser]:
    found = {}
    for path, text in files("ini").items():
        found[path] = configparser.ConfigParser()
        found[path].read_string(text)
    return found


def manifest() -> dict[str, dict]:
    """Return the pod specifications of the Kubernetes manifest, by name."""
    (text,) = files("yaml").values()
    resources = yaml.safe_load_all(text)
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in resources
    }


def arguments_of(pod: dict) -> list[str]:
    (container,) = pod["containers"]
    return container["args"]


def default_grace() -> float:
    parser = load_command_class("taskhub", "taskworker").create_parser("manage.py", "")
    return parser.get_default("grace")


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        reason = "systemd is not installed"
        pytest.fail(reason) if settings.CI else pytest.skip(reason)
    return found


def test_the_systemd_units_are_valid(systemd_analyze, tmp_path):
    paths = []
    for shown, text in files("ini").items():
        paths.append(tmp_path / shown.rpartition("/")[2])
        # The programs have to exist.
        paths[-1].write_text(
            re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.M)
        )

    assert len(paths) == 3
    verified = subprocess.run(
        [systemd_analyze, "verify", "--man=no", *paths],
        capture_output=True,
        text=True,
        check=False,
    )

    # A fault in a unit is only a warning, and the exit code is 0.
    named = [line for line in verified.stderr.splitlines() if str(tmp_path) in line]
    assert (verified.returncode, named) == (0, [])


def test_workers_have_more_time_to_stop_than_their_grace_period():
    unit = units()["/etc/systemd/system/taskworker.service"]["Service"]
    pod = manifest()["taskworker"]

    assert float(unit["TimeoutStopSec"]) > default_grace()
    assert pod["terminationGracePeriodSeconds"] > default_grace()


def test_all_shown_commands_exist():
    lines = re.findall(
        r"^(?:ExecStart=\S*|\w+: |RUN .*|)python (manage\.py .+)$", TEXT, re.M
    )
    commands = [shlex.split(line) for line in lines]
    commands += [arguments_of(pod)[1:] for pod in manifest().values()]

    assert {name for _, name, *_ in commands} >= {"taskworker", "taskbeat", "migrate"}
    assert len(commands) >= 9
    for program, name, *arguments in commands:
        app = get_commands()[name]
        command = load_command_class(app, name) if isinstance(app, str) else app
        command.create_parser(program, name).parse_args(arguments)


def test_probes_of_kubernetes_reach_a_worker(start_node):
    (container,) = manifest()["taskworker"]["containers"]
    shown, port = str(container["livenessProbe"]["httpGet"]["port"]), free_port()
    _python, _manage, _command, *arguments = container["args"]
    start_node(*(each.replace(shown, str(port)) for each in arguments))

    def answers(probe: str) -> bool:
        asked = container[probe]["httpGet"]
        assert str(asked["port"]) == shown
        with suppress(URLError):
            return urlopen(f"http://127.0.0.2:{port}{asked['path']}").status == 200
        return False

    # The worker listens on more addresses than 127.0.0.1.
    for probe in ("livenessProbe", "readinessProbe"):
        wait_until(lambda probe=probe: answers(probe), probe, 30)


def test_the_image_starts_the_site_under_an_init():
    (text,) = files("dockerfile").values()
    lines = text.replace("\\\n", " ").splitlines()
    steps = dict(line.split(maxsplit=1) for line in lines)

    # With lists, no shell is between the init and the program, which gets signals.
    assert yaml.safe_load(steps["ENTRYPOINT"]) == ["tini", "--"]
    assert isinstance(yaml.safe_load(steps["CMD"]), list)
    assert "tini" in text.partition("install")[2].partition("&&")[0]
    known = "FROM RUN WORKDIR COPY USER ENTRYPOINT CMD"
    assert steps.keys() == set(known.split())


#: Prints how many mails a failed task sends, after configuring logging.
MAILS = """
import logging
import django
from django.conf import settings
from django.core import mail

settings.configure(
    LOGGING=LOGGING,
    SECRET_KEY="of the test",
    ADMINS=[ADMIN],
    EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
)
django.setup()
logging.getLogger("django.tasks").error("A task has failed.")
logging.getLogger("shop").warning("Of the site.")
print(len(getattr(mail, "outbox", [])))
"""


@pytest.mark.parametrize(("shown", "mails"), [(1, "1"), (2, "0")])
def test_the_logging_settings_show_all_lines_and_turn_mails_off(shown, mails):
    blocks = re.findall(r"```python\n(LOGGING.*?)```", TEXT, flags=re.DOTALL)
    assert len(blocks) == 2
    is_pair = django.VERSION < (6, 0)
    admin = "('Ada', 'ada@example.com')" if is_pair else "'ada@example.com'"
    code = "".join(blocks[:shown]) + MAILS.replace("ADMIN]", f"{admin}]")

    logged = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert logged.stdout.strip() == mails, logged.stderr
    for line in ("django.tasks: A task has failed.", "shop: Of the site."):
        assert logged.stderr.count(line) == 1
