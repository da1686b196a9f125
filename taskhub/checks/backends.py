"""Checks of the settings that need the loaded code, or several backends together."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.utils.module_loading import import_string

from taskhub.conf import Config, configs
from taskhub.foundation.nearest import did_you_mean
from taskhub.tasks import registered_tasks

#: By option: the base class of its classes, and the methods that they need.
_CLASSES = {
    "context": ("taskhub.context.Carrier", ("capture", "restore")),
    "middleware": ("taskhub.middleware.Middleware", ("__call__", "acall")),
}


@register("taskhub")
def check_surroundings(**kwargs: Any) -> list[CheckMessage]:
    """Check the classes in the options `context` and `middleware`."""
    return [
        Error(
            f"In TASKS[{config.alias!r}]['OPTIONS'][{option!r}], {path!r}: {fault}",
            hint=f"Inherit from {base}.",
            id="taskhub.E007",
        )
        for config in configs()
        for option, (base, methods) in _CLASSES.items()
        for path in getattr(config.options, option)
        if (fault := _fault_of_class(path, methods))
    ]


def _fault_of_class(path: str, methods: Sequence[str]) -> str:
    """Return why a path is not that of a class with these methods, or ""."""
    try:
        found = import_string(path)
    except ImportError as error:
        return f"{error}."
    if not isinstance(found, type):
        return "it is not a class."
    missing = [name for name in methods if not _has_method(found, name)]
    return f"it has no method {missing[0]}()." if missing else ""


def _has_method(cls: type, name: str) -> bool:
    """Whether instances have a method that is not abstract."""
    # Not hasattr(): a class itself can be called, and has a method __call__().
    for base in cls.__mro__:
        if name in vars(base):
            return not getattr(vars(base)[name], "__isabstractmethod__", False)
    return False


@register("taskhub")
def check_task_rules(**kwargs: Any) -> list[CheckMessage]:
    """Check that each rule for tasks matches a task."""
    paths: dict[str, list[str]] = defaultdict(list)
    for path, task in registered_tasks().items():
        paths[task.backend].append(path)
    return [
        Warning(
            f"The rule {rule.pattern!r} in TASKS[{config.alias!r}]['OPTIONS']"
            "['task_rules'] matches no task"
            f"{did_you_mean(rule.pattern, paths[config.alias])}",
            hint="A pattern is compared with the whole path, as in 'shop.tasks.*'.",
            id="taskhub.W005",
        )
        for config in configs()
        for rule in config.options.task_rules
        if not any(map(rule.matches, paths[config.alias]))
    ]


@register("taskhub", deploy=True)
def check_immediate_runs(**kwargs: Any) -> list[CheckMessage]:
    """Check that a deployed site leaves its tasks to workers."""
    if settings.DEBUG:
        return []
    return [
        Warning(
            f"TASKS[{config.alias!r}]['OPTIONS']['run'] is 'immediately', although "
            "DEBUG is False.",
            hint=(
                "Tasks run in the requests that enqueue them, and no worker retries "
                "them later; set it to 'workers', the default."
            ),
            id="taskhub.W006",
        )
        for config in configs()
        if config.options.run == "immediately"
    ]


@register("taskhub")
def check_backends_apart(**kwargs: Any) -> list[CheckMessage]:
    """Check that no two backends share a queue in Redis."""
    in_redis = [
        config
        for config in configs()
        if not config.options.broker_url.startswith("database:")
    ]
    return [
        Error(
            f"The backends {one.alias!r} and {other.alias!r} have the same broker_url "
            f"and key_prefix, and {shared} in common.",
            hint=(
                "Each would take the other's messages, and quarantine them; give one "
                "of them a key_prefix, or queues, of its own."
            ),
            id="taskhub.E005",
        )
        for one, other in combinations(in_redis, 2)
        if _address_of(one) == _address_of(other)
        and (shared := _name_shared_queue(one, other))
    ]


def _address_of(config: Config) -> tuple[str, ...]:
    """Return the key prefix, servers and database of a backend, in a normal form."""
    parts = urlsplit(config.options.broker_url)
    path = parts.path.strip("/")
    if parts.scheme == "unix":
        name, database = path, ""
    elif parts.scheme.endswith("+sentinel"):
        name, _slash, database = path.partition("/")
    else:
        name, database = "", path
    # As for the connection: the path has precedence.
    database = database or dict(parse_qsl(parts.query)).get("db", "")
    hosts = [
        host if ":" in host.rpartition("]")[2] else f"{host}:6379"
        for host in parts.netloc.rpartition("@")[2].lower().split(",")
    ]
    return config.options.key_prefix, name, database.lstrip("0"), *sorted(hosts)


def _name_shared_queue(one: Config, other: Config) -> str:
    """Return a phrase that names a queue of both backends; "" if there is none."""
    if not (one.queues and other.queues):
        return "any queue"
    names = sorted({*one.queues} & {*other.queues})
    return f"the queue {names[0]!r}" if names else ""
