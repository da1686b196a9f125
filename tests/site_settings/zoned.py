"""
The test suite's settings, where the database is not in UTC.

TASKHUB_SESSION_ZONE is the zone of MariaDB's sessions, as a server far away has it;
TASKHUB_DATABASE_ZONE is the zone that Django keeps times in, `DATABASES`' TIME_ZONE.
"""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, env

if zone := env.str("TASKHUB_SESSION_ZONE", default=""):
    DATABASES["default"].setdefault("OPTIONS", {})["init_command"] = (
        f"SET time_zone = '{zone}'"
    )
if zone := env.str("TASKHUB_DATABASE_ZONE", default=""):
    DATABASES["default"]["TIME_ZONE"] = zone
