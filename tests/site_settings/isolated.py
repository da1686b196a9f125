"""The test suite's settings, at a stricter isolation level."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, env

DATABASES["default"].setdefault("OPTIONS", {})["isolation_level"] = env.int(
    "TASKHUB_ISOLATION_LEVEL"
)
