"""
Settings of the test suite: the demo site's, with the tests' own tasks.

Which database and which Redis are used comes from the environment, as for the site;
`python -m tests.suite` starts private ones and sets it.
"""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS, TASKS, env

INSTALLED_APPS = [*INSTALLED_APPS, "tests"]

#: Where a real Redis is; without one, the tests that need it say so.
REDIS_URL = env.str("REDIS_URL", default="")

TASKS = {
    **TASKS,
    # Another backend, with another broker, in the same process.
    "other": {
        "BACKEND": "taskhub.backend.TaskHubBackend",
        "QUEUES": [],
        "OPTIONS": {"key_prefix": "taskhub-other"},
    },
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
