"""The kit in pytest and in Django's test classes."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.test import TestCase, TransactionTestCase

from taskhub.testing import TaskHub
from tests import tasks
from tests.models import Trace

pytestmark = [pytest.mark.any_broker]


class InTestCase(TestCase):
    def test_tasks_run_in_the_transaction_of_the_test(self):
        taskhub = TaskHub()
        tasks.trace.enqueue("label")

        with self.captureOnCommitCallbacks() as callbacks:
            ran = taskhub.run()

        assert ran.of(tasks.trace).successful == 1
        assert Trace.labels() == ["label"]
        assert callbacks == []

    async def test_async_tests_await_the_run(self):
        await tasks.async_add.aenqueue(1, b=2)

        assert (await TaskHub().arun()).return_values == [3]


class InTransactionTestCase(TransactionTestCase):
    def test_tasks_run_outside_of_transactions(self):
        taskhub = TaskHub()
        tasks.trace.enqueue("label")
        tasks.trace_atomically.enqueue("atomic")
        tasks.fail.enqueue()

        ran = taskhub.run(raises=False)

        assert (ran.successful, ran.failed) == (2, 1)
        assert Trace.labels() == ["label", "atomic"]

    def test_a_crash_can_be_played(self):
        tasks.trace_atomically.enqueue("atomic")
        taskhub = TaskHub()

        taskhub.crash(after=tasks.trace_atomically)

        assert Trace.labels() == []
        assert taskhub.run().successful == 1


@pytest.mark.django_db(transaction=True)
def test_the_fixture_works_with_commits(taskhub, django_capture_on_commit_callbacks):
    tasks.add.enqueue(1)

    assert taskhub.run().successful == 1


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()


@pytest.mark.any_database
def test_the_plugin_imports_only_pytest():
    code = (
        "import sys, pytest; before = set(sys.modules); import taskhub.pytest_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )

    assert run_python(code) == ["taskhub", "taskhub.pytest_plugin"]


@pytest.mark.any_database
def test_public_names_are_imported_when_they_are_used():
    code = (
        "import sys, taskhub; print('django' in sys.modules); "
        "from taskhub import *; print(task.__module__, __version__)"
    )

    assert run_python(code) == ["False", "taskhub.tasks.decorator", "0.1.0"]


@pytest.mark.any_database
def test_an_unknown_name_is_an_attribute_error():
    import taskhub

    with pytest.raises(AttributeError, match="has no attribute 'tusk'"):
        _ = taskhub.tusk


class Site:
    """A site with its results in a second database, whose tests are run by pytest."""

    SETTINGS = """
from tests.settings import *

MEMORY = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
DATABASES = {"default": MEMORY, "results": MEMORY.copy()}
DATABASE_ROUTERS = ["site_settings.Router"]

class Router:
    def db_for_write(self, model, **hints):
        return "results" if model._meta.app_label == "taskhub" else None

    db_for_read = db_for_write
"""
    TESTS = """
import pytest
from django.test import TestCase
from taskhub.testing import TaskHub
from tests import tasks

class Forgetful(TestCase):
    def test_kit(self):
        TaskHub().run()

class Careful(TestCase):
    databases = {"default", "results"}

    def test_kit(self):
        tasks.add.enqueue(1)
        assert TaskHub().run().successful == 1

@pytest.mark.django_db(databases=["default", "results"])
def test_fixture(taskhub):
    tasks.add.enqueue(1)
    assert taskhub.run().successful == 1
"""

    def __init__(self, directory):
        self.directory = directory
        (directory / "site_settings.py").write_text(self.SETTINGS)
        (directory / "test_site.py").write_text(self.TESTS)
        # What an installation of the wheel leaves for importlib.metadata.
        metadata = directory / "taskhub-0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Name: taskhub\nVersion: 0\n")
        (metadata / "entry_points.txt").write_text(
            "[pytest11]\ntaskhub = taskhub.pytest_plugin\n"
        )

    def run(self, *arguments):
        """Run its tests, and return the output."""
        command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, *arguments]
        return subprocess.run(
            [*command, f"--rootdir={self.directory}", self.directory],
            cwd=self.directory,
            env=os.environ
            | {
                "DJANGO_SETTINGS_MODULE": "site_settings",
                "PYTHONPATH": f"{self.directory}:{settings.BASE_DIR}",
            },
            capture_output=True,
            text=True,
            check=False,
        ).stdout


@pytest.mark.any_database
def test_a_test_that_may_not_use_the_results_database_is_told(tmp_path):
    output = Site(tmp_path).run()

    assert "1 failed, 2 passed" in output
    assert "taskhub's results are in the database 'results'" in output
    assert "set databases = {'results', …}" in output


@pytest.mark.any_database
def test_the_plugin_can_be_switched_off(tmp_path):
    output = Site(tmp_path).run("-p", "no:taskhub", "-k", "fixture")

    assert "fixture 'taskhub' not found" in output
