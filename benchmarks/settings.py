"""Settings of the benchmarks: the demo site's settings, without debugging."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS, TASKS

DEBUG = False
INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks"]

_QUEUES = [
    *TASKS["default"]["QUEUES"],
    *(f"queue-{number}" for number in range(100)),
]
_BACKEND = TASKS["default"]["BACKEND"]
_OPTIONS = TASKS["default"]["OPTIONS"]

#: A backend for each broker; "default" uses TASKHUB_BROKER_URL.
TASKS = {
    "default": {"BACKEND": _BACKEND, "QUEUES": _QUEUES, "OPTIONS": _OPTIONS},
    "database": {
        "BACKEND": _BACKEND,
        "QUEUES": _QUEUES,
        "OPTIONS": {**_OPTIONS, "broker_url": "database://"},
    },
}
