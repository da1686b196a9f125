"""
The test suite's settings, with a database that does not use UTC.

TASKHUB_SESSION_ZONE is the time zone of MariaDB's sessions, as on a distant server.
TASKHUB_DATABASE_ZONE is TIME_ZONE in `DATABASES`, in which Django stores times.
"""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, env

if zone := env.str("TASKHUB_SESSION_ZONE", default=""):
    DATABASES["default"].setdefault("OPTIONS", {})["init_command"] = (
        f"SET time_zone = '{zone}'"
    )
if zone := env.str("TASKHUB_DATABASE_ZONE", default=""):
    DATABASES["default"]["TIME_ZONE"] = zone
