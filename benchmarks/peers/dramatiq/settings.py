"""dramatiq with django_dramatiq on Redis, with and without rows for its admin."""

from benchmarks.peers.base_settings import *  # noqa: F403
from benchmarks.peers.base_settings import DATABASES, INSTALLED_APPS, REDIS_URL
from benchmarks.peers.peer import variant

INSTALLED_APPS = [*INSTALLED_APPS, "django_dramatiq", "benchmarks.peers.dramatiq"]

# Otherwise its middleware would close the connection before and after each task.
DATABASES["default"]["CONN_MAX_AGE"] = None

DRAMATIQ_BROKER = {
    "BROKER": "dramatiq.brokers.redis.RedisBroker",
    "OPTIONS": {"url": REDIS_URL},
    # As in the README, but without Prometheus, which is not read here.
    "MIDDLEWARE": [
        "dramatiq.middleware.AgeLimit",
        "dramatiq.middleware.TimeLimit",
        "dramatiq.middleware.Callbacks",
        "dramatiq.middleware.Retries",
        "django_dramatiq.middleware.DbConnectionsMiddleware",
    ],
}

if variant() == "rows":
    # This middleware writes the rows.
    DRAMATIQ_BROKER["MIDDLEWARE"] += ["django_dramatiq.middleware.AdminMiddleware"]
