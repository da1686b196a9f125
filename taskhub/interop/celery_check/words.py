"""What becomes of each word of Celery."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from taskhub.interop.celery.app.options import KNOWN as TASK_OPTIONS
from taskhub.interop.celery.app.options import REFUSED as REFUSED_TASK_OPTIONS
from taskhub.interop.celery.app.options import (
    WITHOUT_EFFECT as TASK_OPTIONS_WITHOUT_EFFECT,
)
from taskhub.interop.celery.conf import OLD_NAMES
from taskhub.interop.celery.publishing import CALLBACKS
from taskhub.interop.celery.publishing import KNOWN as CALL_OPTIONS
from taskhub.interop.celery.publishing import (
    WITHOUT_EFFECT as CALL_OPTIONS_WITHOUT_EFFECT,
)
from taskhub.interop.celery_check.findings import Verdict

HERE = "taskhub.interop.celery"


class Fate(NamedTuple):
    """What becomes of a word, and what to write or to know."""

    verdict: Verdict
    advice: str = ""


MOVES = Fate(Verdict.MOVES)

_NEXT_TASK = "Enqueue the next task at the end of this one."
_NOT_YET = f"It is refused. {_NEXT_TASK}"
#: Names that can be imported, and whose call is refused.
REFUSED_NAMES: Mapping[str, str] = {
    "chain": _NOT_YET,
    "chord": "It is refused. Let each task enqueue the last one if no other is left.",
    "chunks": "It is refused. Enqueue one task for each part, in a group.",
    "xmap": "It is refused. Enqueue one task for each value, in a group.",
    "xstarmap": "It is refused. Enqueue one task for each value, in a group.",
}

#: Modules whose functions return other values in each process.
RANDOM_MODULES = frozenset({"random", "secrets"})
RANDOM_SCHEDULE = Fate(
    Verdict.NOTE, "Each migrate changes it. Use @periodic with jitter=… instead."
)

#: Packages around Celery, which no import line replaces.
OTHER_PACKAGES: Mapping[str, str] = {
    "kombu": "taskhub has no messages or exchanges of its own; name queues in QUEUES.",
    "billiard": "Use multiprocessing.",
    "vine": "taskhub does not use it.",
    "flower": "The admin and taskstatus show nodes, queues and results.",
    "django_celery_beat": "Periodic tasks are rows of taskhub.models.PeriodicTask; "
    "taskhub_import_celery_beat copies the schedules.",
    "django_celery_results": "Results are rows of taskhub.models.TaskResult.",
    "celery_once": "Use overlap=… of a schedule, or a lock of your own.",
    "celery_singleton": "Use overlap=… of a schedule, or a lock of your own.",
    "celery_progress": "Use context.progress() and taskhub's progress bar.",
    "celery_types": "taskhub has its own types; leave it out.",
}

#: Methods of `app.control` that have a counterpart.
CONTROL: Mapping[str, Fate] = {
    "revoke": MOVES,
    "inspect": Fate(Verdict.HAND, "Use operations.status.read_status(), taskstatus."),
    "ping": Fate(Verdict.HAND, "Use taskworker --check, or its health port."),
    "purge": Fate(Verdict.HAND, "Use taskcontrol, or operations.results.cancel()."),
    "broadcast": Fate(Verdict.HAND, "Nodes take no commands of your own."),
    "rate_limit": Fate(Verdict.HAND, "Use a queue with few processes."),
    "time_limit": Fate(Verdict.HAND, "Set timeout and hard_timeout of the task."),
    "shutdown": Fate(Verdict.HAND, "Use taskcontrol node stop."),
    "pool_grow": Fate(Verdict.HAND, "Use taskcontrol node resize."),
    "pool_shrink": Fate(Verdict.HAND, "Use taskcontrol node resize."),
    "add_consumer": Fate(Verdict.HAND, "Start a node with --queues."),
    "cancel_consumer": Fate(Verdict.HAND, "Use taskcontrol queue pause."),
}

#: Methods of tasks and signatures that move.
CALLS = frozenset(
    {
        *("delay", "apply_async", "delay_on_commit", "apply_async_on_commit"),
        *("s", "si", "signature", "subtask", "update_state"),
    }
)

_DEFAULTS = 'Write it in OPTIONS["task_defaults"]: '
_LEAVE_OUT = "Leave it out."
#: Settings without their prefix, in lower case, that have an effect.
SETTINGS = frozenset(OLD_NAMES)
#: Settings without their prefix, in lower case, and what replaces each.
REPLACED_SETTINGS: Mapping[str, Fate] = {
    "broker_url": Fate(Verdict.HAND, 'Write OPTIONS["broker_url"].'),
    "result_backend": Fate(Verdict.NOTE, _LEAVE_OUT),
    "task_serializer": Fate(Verdict.NOTE, _LEAVE_OUT),
    "result_serializer": Fate(Verdict.NOTE, _LEAVE_OUT),
    "accept_content": Fate(Verdict.NOTE, _LEAVE_OUT),
    "result_expires": Fate(
        Verdict.HAND, 'Write OPTIONS["keep_days"] and ["keep_failed_days"].'
    ),
    "task_ignore_result": Fate(Verdict.HAND, f'{_DEFAULTS}"keep": "errors".'),
    "task_time_limit": Fate(Verdict.HAND, f'{_DEFAULTS}"hard_timeout".'),
    "task_soft_time_limit": Fate(Verdict.HAND, f'{_DEFAULTS}"timeout".'),
    "task_default_queue": Fate(Verdict.HAND, f'{_DEFAULTS}"queue_name".'),
    "task_default_priority": Fate(Verdict.HAND, f'{_DEFAULTS}"priority".'),
    "task_routes": Fate(Verdict.HAND, 'Write OPTIONS["task_rules"].'),
    "task_annotations": Fate(Verdict.HAND, 'Write OPTIONS["task_rules"].'),
    "task_queues": Fate(Verdict.HAND, "Write QUEUES."),
    "task_track_started": Fate(Verdict.NOTE, _LEAVE_OUT),
    "task_reject_on_worker_lost": Fate(Verdict.NOTE, _LEAVE_OUT),
    "imports": Fate(Verdict.HAND, 'Write OPTIONS["task_modules"].'),
    "worker_concurrency": Fate(Verdict.HAND, "Start taskworker --processes=N."),
    "worker_prefetch_multiplier": Fate(Verdict.NOTE, _LEAVE_OUT),
    "worker_max_tasks_per_child": Fate(
        Verdict.HAND, "Start taskworker --tasks-per-process=N."
    ),
    "worker_max_memory_per_child": Fate(
        Verdict.HAND, "Start taskworker --memory-per-process=MIB."
    ),
    "worker_hijack_root_logger": Fate(Verdict.NOTE, "LOGGING applies; leave it out."),
    "worker_log_format": Fate(Verdict.NOTE, "LOGGING applies; leave it out."),
}

#: Names of settings before Celery 4, and what they are called now. Other old names
#: have no effect here.
OLD_SETTINGS: Mapping[str, str] = {
    **{old: new for new, old in OLD_NAMES.items()},
    "BROKER_URL": "broker_url",
    "CELERYD_CONCURRENCY": "worker_concurrency",
    "CELERYD_HIJACK_ROOT_LOGGER": "worker_hijack_root_logger",
    "CELERYD_LOG_FORMAT": "worker_log_format",
    "CELERYD_MAX_MEMORY_PER_CHILD": "worker_max_memory_per_child",
    "CELERYD_MAX_TASKS_PER_CHILD": "worker_max_tasks_per_child",
    "CELERYD_PREFETCH_MULTIPLIER": "worker_prefetch_multiplier",
    "CELERYD_TASK_SOFT_TIME_LIMIT": "task_soft_time_limit",
    "CELERYD_TASK_TIME_LIMIT": "task_time_limit",
    "CELERY_ANNOTATIONS": "task_annotations",
    "CELERY_DEFAULT_PRIORITY": "task_default_priority",
    "CELERY_DEFAULT_QUEUE": "task_default_queue",
    "CELERY_IGNORE_RESULT": "task_ignore_result",
    "CELERY_QUEUES": "task_queues",
    "CELERY_REJECT_ON_WORKER_LOST": "task_reject_on_worker_lost",
    "CELERY_ROUTES": "task_routes",
    "CELERY_TASK_RESULT_EXPIRES": "result_expires",
    "CELERY_TRACK_STARTED": "task_track_started",
}
_PREFIXES = ("CELERY_", "CELERYD_", "CELERYBEAT_")


@cache
def module_here(name: str) -> Any:
    """Return the module of taskhub that stands for a module of Celery, or None."""
    try:
        return import_module(f"{HERE}{name.removeprefix('celery')}")
    except ImportError:
        return None


def fate_of_name(module: str, name: str) -> Fate:
    """Return what becomes of `from module import name`."""
    here = module_here(module)
    if here is None or not (name == "*" or hasattr(here, name)):
        return Fate(Verdict.HAND, f"{HERE} has no {name} of {module}.")
    instead = getattr(getattr(here, name, None), "instead", "")
    if instead and module == "celery.signals":
        return Fate(Verdict.HAND, f"The signal is never sent; {instead}")
    return MOVES


_PRIORITY = Fate(
    Verdict.NOTE, 'Say what 0 means: TASKHUB_CELERY_PRIORITY = "redis" or "amqp".'
)
_TASK_ID = Fate(Verdict.NOTE, "It must come from taskhub.interop.celery.uuid().")


def fate_of_task_option(name: str) -> Fate:
    """Return what becomes of an option of @shared_task."""
    found = _fate_of_option(name, REFUSED_TASK_OPTIONS, TASK_OPTIONS_WITHOUT_EFFECT)
    if found is not None:
        return found
    if name in TASK_OPTIONS:
        return MOVES
    return Fate(Verdict.NOTE, "It must be an attribute of the task's base class.")


def fate_of_call_option(name: str) -> Fate:
    """Return what becomes of an option of apply_async()."""
    found = _fate_of_option(name, CALLBACKS, CALL_OPTIONS_WITHOUT_EFFECT)
    if found is not None:
        return found
    if name == "task_id":
        return _TASK_ID
    if name in CALL_OPTIONS:
        return MOVES
    return Fate(Verdict.HAND, "It is refused: apply_async() has no such option.")


def _fate_of_option(
    name: str, refused: Mapping[str, str], without_effect: Mapping[str, str]
) -> Fate | None:
    """Return what becomes of an option that does not simply move; else None."""
    if name in refused:
        return Fate(Verdict.HAND, f"It is refused: {refused[name]}.")
    if name in without_effect:
        return Fate(Verdict.NOTE, f"It has no effect: {without_effect[name]}")
    return _PRIORITY if name == "priority" else None


def setting_of(variable: str) -> str | None:
    """Return the setting that a variable is, without its prefix; None for another."""
    if variable in OLD_SETTINGS:
        return OLD_SETTINGS[variable]
    for prefix in _PREFIXES:
        if variable.startswith(prefix):
            return variable.removeprefix(prefix).lower()
    return None


def fate_of_setting(name: str) -> Fate:
    """Return what becomes of a setting, without its prefix."""
    if name in SETTINGS:
        return MOVES
    return REPLACED_SETTINGS.get(
        name, Fate(Verdict.NOTE, "It has no effect; see the documentation.")
    )
