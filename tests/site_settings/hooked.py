"""The test suite's settings with the examples of docs/howto/hooks.md."""

from tests.settings import *  # noqa: F403
from tests.settings import TASKS as _TASKS

TASKS = {
    **_TASKS,
    "default": {
        **_TASKS["default"],
        "OPTIONS": {
            **_TASKS["default"]["OPTIONS"],
            "task_modules": ["tasks", "documented_hooks"],
            "middleware": ["tests.documented_hooks.Stopwatch"],
        },
    },
}
