"""A project as Celery's guide for Django describes it, with taskhub's import lines."""

# The settings of this package are still loading when this is imported.
from tests.moved.celery import app as celery_app

__all__ = ["celery_app"]
