"""Fixtures of the tests of Celery's words."""

import pytest

from taskhub.interop.celery import registry
from taskhub.interop.celery.app import application
from taskhub.tasks import declared
from taskhub.tasks import registry as hub_registry


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch):
    """Forget the tasks, apps and schedules that a test declares."""
    tasks, apps = registry.tasks.copy(), registry.apps.copy()
    for module, name in (
        (hub_registry, "_tasks"),
        (hub_registry, "_loadings"),
        (declared, "_declared"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name).copy())
    yield
    # Other modules have imported these two by name.
    registry.tasks.clear()
    registry.tasks.update(tasks)
    registry.apps[:] = apps


@pytest.fixture
def loading(monkeypatch):
    """Django is still loading its apps; calling this ends it."""
    monkeypatch.setattr(application, "_is_ready", False)
    return application.finalize_apps
