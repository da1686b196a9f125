"""The test suite's settings with options for all tasks, and for tasks by pattern."""

from tests.settings import *  # noqa: F403
from tests.settings import TASKS as _TASKS

TASK_DEFAULTS = {"max_attempts": 2, "masked": ["password"]}
TASK_RULES = {
    "tests.tasks.*": {"priority": 7},
    "tests.tasks.wait_for_gate": {"timeout": 0.2, "max_attempts": 1},
    "tests.tasks.ad?": {"keep": "none"},
}

TASKS = {
    **_TASKS,
    "default": {
        **_TASKS["default"],
        "OPTIONS": {
            **_TASKS["default"]["OPTIONS"],
            "task_defaults": TASK_DEFAULTS,
            "task_rules": TASK_RULES,
        },
    },
}
