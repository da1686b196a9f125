"""The app of the tests: their table of traces, their tasks and their faults."""

from importlib import import_module

from django.apps import AppConfig

from tests import faults, tracker


class TestsConfig(AppConfig):
    """Installs faults in the processes that tests start."""

    name = "tests"

    def ready(self) -> None:
        """Install the faults and the tracker of the environment; load more tasks."""
        faults.install()
        tracker.install()
        import_module("tests.worker_tasks")
        import_module("tests.death_tasks")
        import_module("tests.typed_tasks")
        import_module("tests.celery_tasks")
