"""Celery with django-celery-results, as in its documentation, and tuned."""

from benchmarks.peers.base_settings import *  # noqa: F403
from benchmarks.peers.base_settings import DATABASES, INSTALLED_APPS, REDIS_URL
from benchmarks.peers.peer import PROCESSES, variant

INSTALLED_APPS = [*INSTALLED_APPS, "django_celery_results", "benchmarks.peers.celery"]

# "First steps with Django" and "Using the Django ORM/Cache as a result backend".
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = "django-db"
CELERY_WORKER_CONCURRENCY = PROCESSES

if variant() != "plain":
    # Without it, the worker opens a database connection for each task.
    CELERY_DB_REUSE_MAX = 1_000_000
    DATABASES["default"]["CONN_MAX_AGE"] = None
    # Short tasks: fewer trips to Redis. "Optimizing" recommends 50 to 150.
    CELERY_WORKER_PREFETCH_MULTIPLIER = 128
    # Events and remote control are for monitors, of which there are none here.
    CELERY_WORKER_SEND_TASK_EVENTS = False
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False

if variant() == "without results":
    # "If you don't care about the results, disable them": the fastest Celery.
    CELERY_RESULT_BACKEND = None
    CELERY_TASK_IGNORE_RESULT = True
