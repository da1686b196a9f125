"""Settings of a minimal site, for the idle node: no admin, no pages and one queue."""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import TASKS

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "taskhub",
    "benchmarks",
]
MIDDLEWARE: list[str] = []
TASKS = {"default": {**TASKS["default"], "QUEUES": ["default"]}}
