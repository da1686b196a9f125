"""Celery's priorities, whose direction depends on the broker that Celery has used."""

from django.conf import settings

from taskhub.exceptions import InvalidOption


def priority_of(priority: int) -> int:
    """
    Return a priority of Celery as one of taskhub, where higher values go first.

    Raise InvalidOption if the site has not said which priorities are the highest.
    """
    order = _order()
    if order not in ("redis", "amqp"):
        raise InvalidOption(
            f"priority={priority} is ambiguous: Celery runs 0 first with Redis, and "
            "the highest number first with RabbitMQ. Set TASKHUB_CELERY_PRIORITY to "
            f"'redis' or 'amqp' in the settings; it is {order!r}."
        )
    return -priority if order == "redis" else priority


def celery_priority_of(priority: int) -> int:
    """Return a priority of taskhub as Celery's."""
    return -priority if _order() == "redis" else priority


def _order() -> object:
    return getattr(settings, "TASKHUB_CELERY_PRIORITY", None)
