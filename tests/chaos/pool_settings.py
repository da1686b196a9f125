"""Settings of the scenarios, with Django's pool of PostgreSQL connections."""

from tests.chaos.settings import *  # noqa: F403
from tests.chaos.settings import DATABASES

DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 2, "timeout": 5}
