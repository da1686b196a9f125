"""Settings of the scenarios: the test suite's settings, with their own tasks."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS, env

DEBUG = False
INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos"]
# Detect a database that does not answer, as in production.
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["OPTIONS"] = {"connect_timeout": 3}

# The site's log lines about outages are expected; nodes log to their own files.
if env.bool("CHAOS_IS_QUIET", default=False):
    LOGGING = {"version": 1, "loggers": {"taskhub": {"level": "CRITICAL"}}}
