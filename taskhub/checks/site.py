"""Checks of Django's settings, and of what the site's code declares."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from taskhub.compat import django_tasks as compat
from taskhub.schedules import zone_fault
from taskhub.tasks import declared_schedules


@register("taskhub")
def check_required_app(**kwargs: Any) -> list[CheckMessage]:
    """Check that the backport of django.tasks is installed on Django 5.2."""
    if compat.REQUIRED_APP is None or apps.is_installed(compat.REQUIRED_APP):
        return []
    return [
        Error(
            f"{compat.REQUIRED_APP!r} is not in INSTALLED_APPS.",
            hint="Django 5.2 has no tasks of its own; add the backport beside taskhub.",
            id="taskhub.E002",
        )
    ]


@register("taskhub")
def check_time_zones(**kwargs: Any) -> list[CheckMessage]:
    """Check that USE_TZ is True, so that times are aware."""
    if settings.USE_TZ:
        return []
    return [
        Error(
            "USE_TZ is False.",
            hint="taskhub keeps aware times; set USE_TZ = True, as Django does now.",
            id="taskhub.E004",
        )
    ]


@register("taskhub")
def check_declared_schedules(**kwargs: Any) -> list[CheckMessage]:
    """Check the time zones of declared schedules."""
    return [
        Warning(
            f"The schedule {declared.name!r} that the code declares: {error}",
            hint="Correct it, or update the time zones (tzdata) of this host.",
            id="taskhub.W003",
        )
        for declared in declared_schedules().values()
        if (error := zone_fault(declared.schedule))
    ]
