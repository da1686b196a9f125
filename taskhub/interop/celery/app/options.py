"""The options of Celery's tasks: which are known, and what they are in taskhub."""

from collections.abc import Mapping
from datetime import timedelta
from types import NoneType
from typing import TYPE_CHECKING, Any

from taskhub.exceptions import InvalidOption
from taskhub.foundation.nearest import did_you_mean
from taskhub.interop.celery.app.autoretry import as_classes
from taskhub.interop.celery.conf import setting
from taskhub.interop.celery.ignored import warn
from taskhub.interop.celery.priorities import priority_of
from taskhub.interop.celery.publishing import span_of
from taskhub.retries import Fixed, bounded

if TYPE_CHECKING:
    from taskhub.interop.celery.app.task import Task

#: Options that have an effect, or that are always so in taskhub.
KNOWN = frozenset(
    {
        *("name", "bind", "base", "ignore_result", "store_errors_even_if_ignored"),
        *("max_retries", "default_retry_delay", "retry_kwargs"),
        *("autoretry_for", "dont_autoretry_for", "throws", "typing"),
        *("retry_backoff", "retry_backoff_max", "retry_jitter"),
        *("time_limit", "soft_time_limit", "expires"),
        *("queue", "routing_key", "priority"),
        *("acks_late", "reject_on_worker_lost", "track_started"),
    }
)

_JSON = "arguments are always JSON; leave it out."
_ACKED = (
    "a message is acknowledged when the outcome of its run is written; leave it out."
)
#: Options that have no effect: what to do instead.
WITHOUT_EFFECT: Mapping[str, str] = {
    "rate_limit": "there are no rate limits; use a queue with few processes.",
    "serializer": _JSON,
    "compression": "messages are not compressed; leave it out.",
    "exchange": "write queue=….",
    "exchange_type": "write queue=….",
    "delivery_mode": "every task has a row; leave it out.",
    "trail": "the page of a result shows the results that it has enqueued.",
    "send_events": "the rows of results show what workers do; leave it out.",
    "shared": "every task is shared; leave it out.",
    "lazy": "leave it out.",
    "resultrepr_maxsize": "the option max_result_bytes limits return values.",
    "store_eager_result": "leave it out.",
    "shadow_name": "leave it out.",
    "acks_on_failure_or_timeout": _ACKED,
    "acks_on_failure": _ACKED,
    "acks_on_timeout": _ACKED,
    "retry_on_worker_lost": "another worker runs the task; leave it out.",
}
#: Options that change what a task receives, and cannot be ignored.
REFUSED = {
    "pydantic": "pass model.model_dump() and validate it in the task",
}
#: As many attempts as a task can have. `max_retries` is counted by `self.retry()`.
MAX_ATTEMPTS = 1_000


def check(options: Mapping[str, Any], base: type, where: str) -> None:
    """
    Warn of options without effect, also of those that the task's class has.

    Raise InvalidOption for an option that neither Celery nor the task's class has.
    """
    of_class = [
        name
        for name in (*REFUSED, *WITHOUT_EFFECT)
        if getattr(base, name, None) is not None
    ]
    for name in dict.fromkeys((*options, *of_class)):
        if name in REFUSED:
            raise InvalidOption(f"{name} of {where} cannot be; {REFUSED[name]}.")
        if name in WITHOUT_EFFECT:
            warn(f"{name} of {where} has no effect: {WITHOUT_EFFECT[name]}")
        elif name not in KNOWN and not hasattr(base, name):
            raise InvalidOption(
                f"Unknown option {name!r} of {where}{did_you_mean(name, KNOWN)}"
            )


def options_of(task: "Task") -> dict[str, Any]:
    """
    Return the options of `@task` that mean what a task's attributes say.

    Raise InvalidOption for an invalid value.
    """
    if not isinstance(task.max_retries, int | NoneType):
        raise InvalidOption(
            f"max_retries of {task.name} must be a number or None, not "
            f"{task.max_retries!r}."
        )
    options: dict[str, Any] = {
        "name": task.name,
        "takes_context": True,
        # Only self.retry() retries, as in Celery.
        "max_attempts": MAX_ATTEMPTS,
        "retry_on": (),
        "backoff": Fixed(_pause(task)),
        "throws": as_classes(task, "throws"),
        "queue_name": task.queue or task.routing_key,
        "priority": None if task.priority is None else priority_of(task.priority),
        "expires_after": _expiry(task),
        "keep": "errors" if task.ignore_result else None,
        "on_worker_death": _on_worker_death(task),
        **_limits(task),
    }
    return {name: value for name, value in options.items() if value is not None}


def _pause(task: "Task") -> timedelta:
    seconds = task.default_retry_delay or 0
    return bounded(span_of(seconds, f"default_retry_delay of {task.name}"))


def _expiry(task: "Task") -> timedelta | None:
    if task.expires is None:
        return None
    return span_of(task.expires, f"expires of {task.name}")


def _on_worker_death(task: "Task") -> str | None:
    """
    Return what happens when a worker dies while it runs a task; None for the default.

    With acks_late=False, Celery acknowledges a message before the task runs, so that
    the task does not run again.
    """
    late = setting("task_acks_late") if task.acks_late is None else task.acks_late
    if late is None:
        return None
    return "retry" if late else "fail"


def _limits(task: "Task") -> dict[str, Any]:
    soft, hard = task.soft_time_limit, task.time_limit
    if soft and hard and soft > hard:
        raise InvalidOption(
            f"soft_time_limit of {task.name} must be at most time_limit, {hard} s, not "
            f"{soft} s."
        )
    # A soft limit that equals the hard one has no time to act.
    return {"timeout": None if soft == hard else soft, "hard_timeout": hard}
