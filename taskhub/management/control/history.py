"""The admin's history, written from the command line."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError
from django.db.models import Model

#: django.contrib.admin.models.CHANGE, which cannot be imported without the admin.
_CHANGE = 2


def find_user(username: str) -> Any:
    """Return the user that the history names. Raise CommandError if there is none."""
    if not apps.is_installed("django.contrib.admin"):
        raise CommandError(
            "--by needs the history of django.contrib.admin, which is not installed."
        )
    users: Any = apps.get_model(settings.AUTH_USER_MODEL)._default_manager
    try:
        return users.get_by_natural_key(username)
    except users.model.DoesNotExist:
        raise CommandError(f"There is no user {username!r}.") from None


def write_history(user: Any, rows: Sequence[Model], text: str) -> None:
    """Record in the admin's history that a user has changed rows."""
    entries: Any = apps.get_model("admin", "LogEntry")._default_manager
    entries.log_actions(user.pk, rows, _CHANGE, text)
