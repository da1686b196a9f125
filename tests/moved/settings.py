"""The test suite's settings with those of Celery."""

from taskhub.interop.celery.schedules import crontab
from tests.settings import *  # noqa: F403

CELERY_TIMEZONE = "Europe/Berlin"
CELERY_BEAT_SCHEDULE = {
    "nightly": {
        "task": "tests.multiply",
        "schedule": crontab(hour=3, minute=30, day_of_week="mon-fri"),
        "args": (2, 3),
        "options": {"queue": "mail", "expires": 3600},
    },
}
