"""The app configuration of taskhub."""

# ruff: noqa: E402  the versions are checked first
from taskhub.compat.requirements import check_versions

# The other imports may fail with an older version of another package.
check_versions()

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from taskhub import checks  # noqa: F401  registers the checks
from taskhub.backend import TaskHubBackend
from taskhub.compat import django_tasks as compat
from taskhub.foundation.at_ready import run_waiting


class TaskHubConfig(AppConfig):
    """Imports the tasks of every installed app."""

    name = "taskhub"
    verbose_name = _("Task hub")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import the modules with tasks, and connect the receivers."""
        names = {
            name
            for backend in compat.task_backends.all()
            if isinstance(backend, TaskHubBackend)
            for name in backend.config.options.task_modules
        }
        autodiscover_modules(*sorted(names))
        run_waiting()
        # The receivers import models, which are loaded only now.
        from taskhub import receivers  # noqa: F401  connects the receivers
