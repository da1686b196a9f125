"""django-tasks-db as in its README: the rows are broker and result store."""

from benchmarks.peers.base_settings import *  # noqa: F403
from benchmarks.peers.base_settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_tasks_db", "benchmarks.peers.djangotasksdb"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# Otherwise it would open a database connection for each task.
DATABASES["default"]["CONN_MAX_AGE"] = None
