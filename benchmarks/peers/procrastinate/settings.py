"""procrastinate as in its documentation for Django: PostgreSQL is the broker, too."""

from benchmarks.peers.base_settings import *  # noqa: F403
from benchmarks.peers.base_settings import INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "procrastinate.contrib.django",
    "benchmarks.peers.procrastinate",
]
