"""`manage.py taskworker`: its first log lines, its checks and its error messages."""

import re
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

import taskhub
from tests import tasks
from tests.nodes import environment, wait_until
from tests.servers import free_port

pytestmark = [pytest.mark.any_database, pytest.mark.any_broker]


def taskworker(*arguments):
    call_command("taskworker", *arguments, "--check", skip_checks=False)


def test_the_log_begins_with_the_version_and_the_options(
    transactional_db, config, drain
):
    log = drain("--queues=mail,default", "--threads=2", processes=3)

    assert re.search(rf"taskhub {taskhub.__version__}, node \S+-\d+-\w+", log)
    assert "queues     mail, default" in log
    assert "processes  3, each with 2 thread(s) and up to 100 async tasks" in log
    where = "database 'default'" if "database" in config.options.broker_url else "redis"
    assert re.search(rf"broker     {where}", log)
    assert f"database   'default' ({connection.display_name})" in log
    assert re.search(r"tasks      \d+: .*tests\.celery_tasks\.add, .* more\n", log)


@pytest.mark.django_db
def test_the_check_passes_if_the_worker_could_start(config):
    taskworker()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--queues=mial"], r"Queue 'mial' is not in .* did you mean 'mail'\?"),
        (["--queues=a b"], "'a b' is not a valid queue name"),
        (["--backend=defualt"], "no backend 'defualt' in TASKS; did you mean 'defau"),
        (["--processes=0"], "expected a whole number from 1, not '0'"),
        (["--threads=many"], "expected a whole number from 1, not 'many'"),
    ],
)
def test_wrong_arguments_cause_an_error_of_one_line(arguments, message):
    with pytest.raises(CommandError, match=message) as caught:
        taskworker(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.django_db
def test_a_backend_of_another_class_is_refused(settings):
    path = type(tasks.add.get_backend()).__mro__[1].__module__
    immediate = path.replace("base", "immediate") + ".ImmediateBackend"
    settings.TASKS = {**settings.TASKS, "now": {"BACKEND": immediate}}

    with pytest.raises(
        CommandError, match=r"expected 'taskhub.backend.TaskHubBackend'"
    ):
        taskworker("--backend=now")


@pytest.mark.django_db
@pytest.mark.parametrize("scheme", ["redis://:hidden@127.0.0.1:{}/0", "unix:///no/{}"])
def test_an_unreachable_broker_causes_an_error_of_one_line(configure, scheme):
    configure(broker_url=scheme.format(free_port()))

    with pytest.raises(CommandError, match="Cannot reach Redis at") as caught:
        taskworker()
    assert "\n" not in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "correct TASKS['default']['OPTIONS']['broker_url']" in str(caught.value)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--health-port=99999999", "a port from 1 to 65535, not '99999999'"),
        ("--health-port=0", "a port from 1 to 65535, not '0'"),
        ("--threads=" + "9" * 5_000, "a number of at most 12 digits"),
        ("--health-port=" + "9" * 5_000, "a port from 1 to 65535, not '9"),
        ("--grace=-5", "a number from 0 to 604800, not '-5'"),
        ("--grace=nan", "a number from 0 to 604800, not 'nan'"),
        ("--processes=0", "a whole number from 1, not '0'"),
        ("--threads=-1", "a whole number from 1, not '-1'"),
        ("--async-tasks=1.5", "a whole number from 1, not '1.5'"),
        ("--tasks-per-process=²", "a whole number from 1, not '²'"),
        ("--memory-per-process=many", "a whole number from 1, not 'many'"),
    ],
)
def test_an_invalid_number_causes_an_error_of_one_line(option, expected):
    with pytest.raises(CommandError) as caught:
        taskworker(option)

    name = option.partition("=")[0]
    assert str(caught.value).startswith(f"Error: argument {name}: expected {expected}")
    assert "\n" not in str(caught.value)


@pytest.mark.django_db(transaction=True)
def test_missing_migrations_cause_an_error():
    call_command("migrate", "taskhub", "zero", verbosity=0)
    try:
        with pytest.raises(CommandError, match=r"lacks 1 migration.s. of taskhub; run"):
            taskworker()
    finally:
        call_command("migrate", "taskhub", verbosity=0)


def test_an_error_is_printed_without_a_traceback(transactional_db, config):
    """The command prints one line to stderr, and its exit code is 1."""
    done = subprocess.run(
        [sys.executable, "manage.py", "taskworker", "--queues=mial"],
        cwd=django_settings.BASE_DIR,
        env=environment(config),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: Queue 'mial' is not in")
    assert done.stderr.count("\n") == 1


def test_reload_loads_changed_code_and_ignores_broken_code(
    start_node, config, tmp_path, transactional_db
):
    module = tmp_path / "reloaded.py"
    module.write_text("GREETING = 'first'\n")
    node = start_node(
        "--reload",
        "--processes=1",
        PYTHONPATH=str(tmp_path),
        DJANGO_SETTINGS_MODULE="tests.site_settings.reload",
        RELOADED_MODULE="reloaded",
    )
    wait_until(lambda: tasks.add.enqueue(1).get(timeout=30) == 1, "the node", 30)

    broken = "does not load; the old code keeps running"
    change(module, "this is no Python\n", lambda: broken in node.log)
    assert tasks.add.enqueue(2).get(timeout=30) == 2

    change(module, "GREETING = 'second'\n", lambda: node.log.count("taskhub 0") > 1)
    assert tasks.add.enqueue(3).get(timeout=30) == 3
    assert node.stop() == 0


def test_no_process_of_a_reloading_node_outlives_its_supervisor(
    start_node, tmp_path, transactional_db
):
    module, gate = tmp_path / "reloaded.py", tmp_path / "gate"
    module.write_text("")
    node = start_node(
        "--reload",
        "--beat",
        "--processes=1",
        PYTHONPATH=str(tmp_path),
        DJANGO_SETTINGS_MODULE="tests.site_settings.reload",
        RELOADED_MODULE="reloaded",
    )
    wait_until(lambda: tasks.add.enqueue(1).get(timeout=30) == 1, "the node", 30)
    # The check of the new code hangs.
    hang = f"import time, pathlib; pathlib.Path({str(gate)!r}).touch(); time.sleep(99)"
    change(module, hang, gate.exists)

    node.send(signal.SIGKILL)
    node.wait()

    wait_until(lambda: not node.session(), "the end of all of it", 30)


def change(module, text, noticed):
    """Write the module until the reloader notices; it may not watch the file yet."""
    for _ in range(10):
        module.write_text(text)
        with suppress(TimeoutError):
            wait_until(noticed, "the change", 6)
            return
    raise AssertionError("The change was not noticed.")
