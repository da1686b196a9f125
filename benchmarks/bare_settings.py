"""The least that a site has: no admin, no pages, one queue. What a node weighs then."""

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
