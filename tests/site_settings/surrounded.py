"""The test suite's settings with carriers and middleware of tasks."""

from tests.settings import *  # noqa: F403
from tests.settings import TASKS as _TASKS

CONTEXT = [
    "taskhub.context.Language",
    "taskhub.context.TimeZone",
    "taskhub.context.CurrentUser",
    "taskhub.context.Trace",
    "tests.surroundings.Tenant",
]
MIDDLEWARE_OF_TASKS = ["tests.surroundings.Outer", "tests.surroundings.Inner"]

TASKS = {
    **_TASKS,
    "default": {
        **_TASKS["default"],
        "OPTIONS": {
            **_TASKS["default"]["OPTIONS"],
            "context": CONTEXT,
            "middleware": MIDDLEWARE_OF_TASKS,
        },
    },
}
