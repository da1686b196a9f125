"""
Settings of the test suite: the demo site's, with the tests' own tasks.

Which database and which Redis are used comes from the environment, as for the site;
`python -m tests.suite` starts private ones and sets it.
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

#: Where a real Redis is; without one, the tests that need it say so.
REDIS_URL = env.str("REDIS_URL", default="")
REDIS_TLS_URL = env.str("REDIS_TLS_URL", default="")
REDIS_SENTINEL_URL = env.str("REDIS_SENTINEL_URL", default="")
REDIS_CLUSTER_URL = env.str("REDIS_CLUSTER_URL", default="")
#: In CI a missing server is a failure.
CI = env.bool("CI", default=False)

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # In a file and not in memory: worker processes have to find it.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}

TASKS = {
    "default": {
        **TASKS["default"],
        "QUEUES": ["default", "mail", "pictures", "other"],
        "OPTIONS": {
            **TASKS["default"]["OPTIONS"],
            # A dead node is noticed sooner than a site would want it.
            "lease_seconds": env.float("TASKHUB_LEASE_SECONDS", default=30),
            "max_redeliveries": env.int("TASKHUB_MAX_REDELIVERIES", default=2),
        },
    },
    # Another backend beside it, with any queue allowed.
    "free": {"BACKEND": "taskhub.backend.TaskHubBackend", "QUEUES": []},
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
