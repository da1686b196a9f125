"""The test suite's settings, with notifications of PostgreSQL switched off."""

from tests.settings import *  # noqa: F403
from tests.settings import TASKS

TASKS["default"]["OPTIONS"] |= {"notify": False}
