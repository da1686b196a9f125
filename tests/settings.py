"""
Settings of the test suite: the demo site's settings, with the tests' own tasks.

The environment selects the database and the Redis server, as for the site.
`python -m tests.suite` starts private servers and sets the environment.
"""

from project.settings import *  # noqa: F403
from project.settings import (
    DATABASES,
    INSTALLED_APPS,
    MIDDLEWARE,
    TASKS,
    VAR_DIR,
    env,
)

INSTALLED_APPS = [*INSTALLED_APPS, "tests"]
MIDDLEWARE = [*MIDDLEWARE, "tests.policy.StrictPolicy"]

#: The URL of a real Redis; without it, the tests that need Redis are skipped.
REDIS_URL = env.str("REDIS_URL", default="")
REDIS_TLS_URL = env.str("REDIS_TLS_URL", default="")
REDIS_SENTINEL_URL = env.str("REDIS_SENTINEL_URL", default="")
REDIS_CLUSTER_URL = env.str("REDIS_CLUSTER_URL", default="")
#: In CI a missing server is a failure.
CI = env.bool("CI", default=False)

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, since worker processes cannot open a database in memory.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}

TASKS = {
    "default": {
        **TASKS["default"],
        "QUEUES": ["default", "mail", "pictures", "other"],
        "OPTIONS": {
            **TASKS["default"]["OPTIONS"],
            # Short, so that dead nodes are noticed sooner than on a site.
            "lease_seconds": env.float("TASKHUB_LEASE_SECONDS", default=30),
            "max_redeliveries": env.int("TASKHUB_MAX_REDELIVERIES", default=2),
        },
    },
    # A second backend, which allows any queue.
    "free": {"BACKEND": "taskhub.backend.TaskHubBackend", "QUEUES": []},
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
