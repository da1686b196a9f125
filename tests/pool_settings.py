"""The test suite's settings, with Django's pool of PostgreSQL connections."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["OPTIONS"] = {"pool": True}
