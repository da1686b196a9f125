"""Settings of the scenarios: the test suite's, with tasks of their own."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS, env

DEBUG = False
INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos"]
# A database that swallows everything is noticed, as it would be in production.
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["OPTIONS"] = {"connect_timeout": 3}

# What the site says of outages is expected here; nodes say it in files of their own.
if env.bool("CHAOS_IS_QUIET", default=False):
    LOGGING = {"version": 1, "loggers": {"taskhub": {"level": "CRITICAL"}}}
