"""taskhub as in its first tutorial, without tuning."""

from benchmarks.peers.base_settings import *  # noqa: F403
from benchmarks.peers.base_settings import INSTALLED_APPS, REDIS_URL
from benchmarks.peers.peer import variant

INSTALLED_APPS = [*INSTALLED_APPS, "taskhub", "benchmarks.peers.taskhub"]
TASKS = {
    "default": {
        "BACKEND": "taskhub.backend.TaskHubBackend",
        "OPTIONS": {
            "broker_url": REDIS_URL if variant() == "redis" else "database://",
        },
    }
}
