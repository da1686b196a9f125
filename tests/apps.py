"""The tests' own app: their side table, their tasks, their faults."""

from importlib import import_module

from django.apps import AppConfig

from tests import faults, tracker


class TestsConfig(AppConfig):
    """Brings faults into the processes that tests start."""

    name = "tests"

    def ready(self) -> None:
        """Install what the environment asks for, and load tasks of other modules."""
        faults.install()
        tracker.install()
        import_module("tests.worker_tasks")
