"""
Run Django's own tests of tasks with taskhub.

The tests are part of Django's sdist. `fetch`, which `make test` calls, downloads the
tests of the installed Django and unpacks them beside the interpreter; nothing is
downloaded while tests run.

    python -m tests.integration.compat.djangos_own fetch
    python -m tests.integration.compat.djangos_own run as-written taskhub
    python -m tests.integration.compat.djangos_own run on-taskhub immediate

The arguments of `run` are a mode, and the backend that is configured while the tasks of
the tests are created. With `as-written`, the tests run unchanged on Django's backends,
with tasks of taskhub. With `on-taskhub`, taskhub's backend replaces DummyBackend.
"""

import asyncio
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import django
from django.conf import settings
from django.db import connections
from django.test.utils import get_runner, override_settings

from taskhub.backend import TaskHubBackend

HOME = Path(sys.prefix) / "django-tests" / django.__version__

MODULES = {
    "as-written": [
        "tasks.test_tasks",
        "tasks.test_dummy_backend",
        "tasks.test_immediate_backend",
        "tasks.test_custom_backend",
    ],
    # The other modules test ImmediateBackend, and backends that the tests define.
    "on-taskhub": ["tasks.test_tasks", "tasks.test_dummy_backend"],
}

#: Tests that cannot pass on taskhub, by test case and name, with the reasons.
NOT_ON_TASKHUB = {
    "TaskTestCase.test_refresh_result": "It refreshes by a sync call in async code, "
    "where Django allows no queries.",
    "DummyBackendTestCase.test_refresh_result": "It changes what DummyBackend keeps.",
    "DummyBackendTestCase.test_refresh_result_async": "The same, in async code.",
}

BACKENDS = {
    "taskhub": "tests.integration.compat.djangos_own.ListingBackend",
    "immediate": "django.tasks.backends.immediate.ImmediateBackend",
}


class ListingBackend(TaskHubBackend):
    """taskhub's backend, with the two attributes of DummyBackend that tests use."""

    @property
    def results(self):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._read_results()
        # Async tests read `results` without awaiting it.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._read_results, close=True).result()

    def _read_results(self, *, close=False):
        from taskhub.models import TaskResult

        ids = TaskResult.objects.order_by("id").ids()
        results = [self.get_result(str(pk)) for pk in ids]
        if close:
            connections.close_all()
        return results

    def clear(self):
        from taskhub.models import TaskResult

        TaskResult.objects.all().delete()


def fetch():
    """Unpack Django's tests of tasks, unless they are there or Django has none."""
    if (HOME / "tasks").exists() or django.VERSION < (6, 0):
        return
    with tempfile.TemporaryDirectory() as directory:
        downloaded = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet"),
                *("--disable-pip-version-check", "--no-deps", "--no-binary", ":all:"),
                *("--dest", directory, f"django=={django.__version__}"),
            ],
            check=False,
        )
        if downloaded.returncode:
            print("Django's own tests could not be downloaded, and are not run.")
            return
        (sdist,) = Path(directory).glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(directory, filter="data")
        unpacked = sdist.with_suffix("").with_suffix("") / "tests" / "tasks"
        HOME.mkdir(parents=True, exist_ok=True)
        shutil.copytree(unpacked, HOME / "tasks")


def run(where, made_under):
    """Run the tests; return an exit code."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(HOME / "tasks", Path(directory, "tasks"))
        if where == "on-taskhub":
            for path in Path(directory, "tasks").glob("test_*.py"):
                path.write_text(_on_taskhub(path.read_text()))
        sys.path.insert(0, directory)
        _set_up()
        with override_settings(TASKS={"default": {"BACKEND": BACKENDS[made_under]}}):
            import_module("tasks.tasks")
        return _run_modules(
            MODULES[where], NOT_ON_TASKHUB if where == "on-taskhub" else {}
        )


def _set_up():
    settings.configure(
        INSTALLED_APPS=["taskhub"],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        },
        SECRET_KEY="of the tests",
        TASKS={"default": {"BACKEND": BACKENDS["taskhub"]}},
        USE_TZ=True,
    )
    django.setup()


def _on_taskhub(source):
    """Replace DummyBackend by taskhub's, and let every test use the database."""
    module, _, name = BACKENDS["taskhub"].rpartition(".")
    return (
        source.replace("django.tasks.backends.dummy.DummyBackend", BACKENDS["taskhub"])
        .replace(
            "from django.tasks.backends.dummy import DummyBackend",
            f"from {module} import {name} as DummyBackend",
        )
        .replace("SimpleTestCase", "TransactionTestCase")
        .replace("    available_apps = []\n", "")
    )


def _run_modules(names, left_out):
    runner = get_runner(settings)(verbosity=1)
    tests = {
        ".".join(test.id().split(".")[-2:]): test
        for test in _tests_of(runner.build_suite(names))
    }
    # Raises KeyError if the test no longer exists.
    for name in left_out:
        del tests[name]
    databases = runner.setup_databases()
    result = runner.run_suite(unittest.TestSuite(tests.values()))
    runner.teardown_databases(databases)
    return 0 if result.testsRun == len(tests) and result.wasSuccessful() else 1


def _tests_of(suite):
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from _tests_of(each)
        else:
            yield each


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "fetch":
        fetch()
    else:
        sys.exit(run(*arguments))
