"""Celery's `utils`; the name is Celery's, so that imports need only a prefix."""

from uuid_utils.compat import uuid7


def uuid() -> str:
    """Return a new id for `task_id`: a UUID of version 7."""
    return str(uuid7())
