"""django-q2 with its Redis broker; it keeps results as rows."""

from benchmarks.peers.base_settings import *  # noqa: F403
from benchmarks.peers.base_settings import DATABASES, INSTALLED_APPS, REDIS_URL
from benchmarks.peers.peer import PROCESSES

INSTALLED_APPS = [*INSTALLED_APPS, "django_q", "benchmarks.peers.djangoq2"]

# Otherwise it would open a database connection for each task.
DATABASES["default"]["CONN_MAX_AGE"] = None

Q_CLUSTER = {
    "name": "peers",
    "redis": REDIS_URL,
    "workers": PROCESSES,
    # Both are required, and the first must be less than the second.
    "timeout": 60,
    "retry": 120,
    # By default it keeps the last 250 results, and counts them after each task.
    "save_limit": 0,
    # As in the documentation's example; by default, four tasks wait inside the cluster.
    "queue_limit": 50,
    # By default a process is replaced after 500 tasks.
    "recycle": 100_000,
    # Nothing is scheduled here.
    "scheduler": False,
    # By default each run is logged, twice.
    "log_level": "WARNING",
}
