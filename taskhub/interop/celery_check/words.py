"""What becomes of each word of Celery."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from taskhub.interop.celery import canvas
from taskhub.interop.celery.app import control
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


class Assessment(NamedTuple):
    """What becomes of a word, and what to write or to know."""

    verdict: Verdict
    advice: str = ""


MOVES = Assessment(Verdict.MOVES)


def _refused(instead: str) -> Assessment:
    return Assessment(Verdict.HAND, f"It is refused: {instead}.")


#: Names that can be imported, and whose call is refused.
REFUSED_NAMES: Mapping[str, Assessment] = {
    name: _refused(getattr(canvas, name).instead)
    for name in ("chain", "chord", "chunks", "xmap", "xstarmap")
}
#: Methods of signatures that are refused.
REFUSED_METHODS: Mapping[str, Assessment] = {
    "link": _refused(CALLBACKS["link"]),
    "link_error": _refused(CALLBACKS["link_error"]),
    "on_error": _refused(CALLBACKS["link_error"]),
}

#: Modules whose functions return other values in each process.
RANDOM_MODULES = frozenset({"random", "secrets"})
RANDOM_SCHEDULE = Assessment(
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
CONTROL: Mapping[str, Assessment] = {
    "revoke": MOVES,
    **{
        name: Assessment(Verdict.HAND, f"Use {instead}.")
        for name, instead in control.INSTEAD.items()
    },
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
#: Keywords of Celery() that are settings of other names.
APP_SETTINGS: Mapping[str, str] = {
    "broker": "broker_url",
    "backend": "result_backend",
    "include": "include",
}
#: Settings without their prefix, in lower case, and what replaces each.
REPLACED_SETTINGS: Mapping[str, Assessment] = {
    "broker_url": Assessment(Verdict.HAND, 'Write OPTIONS["broker_url"].'),
    "result_backend": Assessment(Verdict.NOTE, _LEAVE_OUT),
    "task_serializer": Assessment(Verdict.NOTE, _LEAVE_OUT),
    "result_serializer": Assessment(Verdict.NOTE, _LEAVE_OUT),
    "accept_content": Assessment(Verdict.NOTE, _LEAVE_OUT),
    "result_expires": Assessment(
        Verdict.HAND, 'Write OPTIONS["keep_days"] and ["keep_failed_days"].'
    ),
    "task_ignore_result": Assessment(Verdict.HAND, f'{_DEFAULTS}"keep": "errors".'),
    "task_time_limit": Assessment(Verdict.HAND, f'{_DEFAULTS}"hard_timeout".'),
    "task_soft_time_limit": Assessment(Verdict.HAND, f'{_DEFAULTS}"timeout".'),
    "task_default_queue": Assessment(Verdict.HAND, f'{_DEFAULTS}"queue_name".'),
    "task_default_priority": Assessment(Verdict.HAND, f'{_DEFAULTS}"priority".'),
    "task_routes": Assessment(Verdict.HAND, 'Write OPTIONS["task_rules"].'),
    "task_annotations": Assessment(Verdict.HAND, 'Write OPTIONS["task_rules"].'),
    "task_queues": Assessment(Verdict.HAND, "Write QUEUES."),
    "task_track_started": Assessment(Verdict.NOTE, _LEAVE_OUT),
    "task_reject_on_worker_lost": Assessment(Verdict.NOTE, _LEAVE_OUT),
    "worker_concurrency": Assessment(Verdict.HAND, "Start taskworker --processes=N."),
    "worker_prefetch_multiplier": Assessment(Verdict.NOTE, _LEAVE_OUT),
    "worker_max_tasks_per_child": Assessment(
        Verdict.HAND, "Start taskworker --tasks-per-process=N."
    ),
    "worker_max_memory_per_child": Assessment(
        Verdict.HAND, "Start taskworker --memory-per-process=MIB."
    ),
    "worker_hijack_root_logger": Assessment(
        Verdict.NOTE, "LOGGING applies; leave it out."
    ),
    "worker_log_format": Assessment(Verdict.NOTE, "LOGGING applies; leave it out."),
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


def assess_name(module: str, name: str) -> Assessment:
    """Return what becomes of `from module import name`."""
    here = module_here(module)
    if here is None or not (name == "*" or hasattr(here, name)):
        return Assessment(Verdict.HAND, f"{HERE} has no {name} of {module}.")
    instead = getattr(getattr(here, name, None), "instead", "")
    if instead and module == "celery.signals":
        return Assessment(Verdict.HAND, f"The signal is never sent; {instead}")
    return MOVES


_PRIORITY = Assessment(
    Verdict.NOTE, 'Say what 0 means: TASKHUB_CELERY_PRIORITY = "redis" or "amqp".'
)
_TASK_ID = Assessment(Verdict.NOTE, "It must come from taskhub.interop.celery.uuid().")


def assess_task_option(name: str) -> Assessment:
    """Return what becomes of an option of @shared_task."""
    found = _assess_option(name, REFUSED_TASK_OPTIONS, TASK_OPTIONS_WITHOUT_EFFECT)
    if found is not None:
        return found
    if name in TASK_OPTIONS:
        return MOVES
    return Assessment(Verdict.NOTE, "It must be an attribute of the task's base class.")


def assess_call_option(name: str) -> Assessment:
    """Return what becomes of an option of apply_async()."""
    found = _assess_option(name, CALLBACKS, CALL_OPTIONS_WITHOUT_EFFECT)
    if found is not None:
        return found
    if name == "task_id":
        return _TASK_ID
    if name in CALL_OPTIONS:
        return MOVES
    return Assessment(Verdict.HAND, "It is refused: apply_async() has no such option.")


def _assess_option(
    name: str, refused: Mapping[str, str], without_effect: Mapping[str, str]
) -> Assessment | None:
    """Return what becomes of an option that does not simply move; else None."""
    if name in refused:
        return _refused(refused[name])
    if name in without_effect:
        return Assessment(Verdict.NOTE, f"It has no effect: {without_effect[name]}")
    return _PRIORITY if name == "priority" else None


def setting_of(variable: str) -> str | None:
    """Return the setting that a variable is, without its prefix; None for another."""
    if variable in OLD_SETTINGS:
        return OLD_SETTINGS[variable]
    for prefix in _PREFIXES:
        if variable.startswith(prefix):
            return variable.removeprefix(prefix).lower()
    return None


def assess_setting(name: str) -> Assessment:
    """Return what becomes of a setting, without its prefix."""
    if name in SETTINGS:
        return MOVES
    return REPLACED_SETTINGS.get(
        name, Assessment(Verdict.NOTE, "It has no effect; see the documentation.")
    )
