"""
Settings, read once into a frozen value.

taskhub is configured as one of Django's tasks backends: by an entry of `TASKS` whose
`BACKEND` is `taskhub.backend.TaskHubBackend`. Its errors are collected, so that the
system check of the backend can show all of them.
"""

from taskhub.compat import django_tasks as compat
from taskhub.conf.config import Config
from taskhub.conf.options import BrokerURL, Options
from taskhub.conf.queue_names import name_fault
from taskhub.conf.reading import read_config
from taskhub.conf.task_options import Rule, TaskOptions

__all__ = [
    "BrokerURL",
    "Config",
    "Options",
    "Rule",
    "TaskOptions",
    "config_of",
    "configs",
    "find_config",
    "name_fault",
    "read_config",
]


def configs() -> list[Config]:
    """Return the configuration of every taskhub backend in `TASKS`."""
    found = [config_of(backend) for backend in compat.task_backends.all()]
    return [config for config in found if config is not None]


def find_config(alias: str) -> Config | None:
    """Return a backend's configuration; None if it is unknown, or not taskhub's."""
    if alias not in compat.task_backends.settings:
        return None
    return config_of(compat.task_backends[alias])


def config_of(backend: object) -> Config | None:
    """Return the configuration of a tasks backend; None if it is not taskhub's."""
    config = getattr(backend, "config", None)
    return config if isinstance(config, Config) else None
