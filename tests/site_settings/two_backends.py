"""
The test suite's settings, with Django's ImmediateBackend as the default one.

Tasks of Django's own decorator use the default backend here, and so not taskhub.
"""

from importlib.util import find_spec

from tests.settings import *  # noqa: F403
from tests.settings import TASKS as _TASKS

_BACKENDS = (
    f"{'django.tasks' if find_spec('django.tasks') else 'django_tasks'}.backends"
)
IMMEDIATE = f"{_BACKENDS}.immediate.ImmediateBackend"
DUMMY = f"{_BACKENDS}.dummy.DummyBackend"


def two_backends(hub):
    """Return TASKS with taskhub's backend beside Django's."""
    return {"default": {"BACKEND": IMMEDIATE, "QUEUES": []}, "hub": hub}


TASKS = two_backends(_TASKS["default"])
