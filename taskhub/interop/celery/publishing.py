"""`apply_async()`: its options, and how a call becomes a result."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone

from taskhub.exceptions import InvalidOption
from taskhub.foundation.clock import utc_now
from taskhub.foundation.nearest import did_you_mean
from taskhub.interop.celery import signals
from taskhub.interop.celery.ignored import warn
from taskhub.interop.celery.priorities import priority_of
from taskhub.interop.celery.result import AsyncResult, EagerResult
from taskhub.interop.celery.schedules import site_zone
from taskhub.interop.celery.utils import uuid
from taskhub.tasks.result import Result, hub_of

if TYPE_CHECKING:
    from taskhub.tasks import Task

KNOWN = frozenset(
    {
        *("countdown", "eta", "expires", "queue", "routing_key", "priority"),
        *("headers", "task_id"),
    }
)
_PUSHED_LATER = "a message that cannot be pushed is pushed later; leave it out."
_ON_TASK = "workers read it from the task; set it in the decorator."
WITHOUT_EFFECT: Mapping[str, str] = {
    "retry": _PUSHED_LATER,
    "retry_policy": _PUSHED_LATER,
    "serializer": "arguments are always JSON; leave it out.",
    "compression": "messages are not compressed; leave it out.",
    "ignore_result": _ON_TASK,
    "time_limit": _ON_TASK,
    "soft_time_limit": _ON_TASK,
    "shadow": "leave it out.",
    "exchange": "write queue=….",
    "producer": "leave it out.",
    "publisher": "leave it out.",
    "connection": "leave it out.",
    "add_to_parent": "the page of a result shows the results that it has enqueued.",
    "delivery_mode": "every task has a row; leave it out.",
}
CALLBACKS: Mapping[str, str] = {
    "link": "enqueue the next task at the end of this one, or in on_success()",
    "link_error": "write on_failure() in a base class, or connect to task_failure",
    "chord": "let each task enqueue the last one if no other is unfinished",
}


def publish(
    task: "Task[..., Any, Any]",
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncResult:
    """Enqueue a task with the options of apply_async(). Raise as enqueue() does."""
    options = {name: value for name, value in options.items() if value is not None}
    check(options, f"{task.name}.apply_async()")
    headers = dict(options.get("headers", {}))
    result_id = _id_of(options.get("task_id"))
    if signals.before_task_publish.receivers or signals.after_task_publish.receivers:
        result_id = result_id or uuid()
    variant = _variant(task, options)
    about = _describe(variant, result_id, args, kwargs, headers)
    signals.before_task_publish.tell(
        task.module_path, properties={}, declare=[], retry_policy=None, **about
    )
    added = {name: about["headers"][name] for name in about["headers"].keys() - _OWN}
    if headers | added:
        meta = {**(variant.meta or {}), "headers": headers | added}
        variant = variant.using(meta=meta)
    result = _enqueue(variant, args or (), kwargs or {}, result_id)
    signals.after_task_publish.tell(task.module_path, **about)
    return result


def _enqueue(
    task: "Task[..., Any, Any]", args: Any, kwargs: Any, result_id: str | None
) -> AsyncResult:
    hub = hub_of(task)
    if hub is None:
        # As in tests, on a backend of Django's, which runs the task at once.
        return _of_other_backend(task.enqueue(*args, **kwargs))
    if result_id is None:
        return AsyncResult(task.enqueue(*args, **kwargs).id, task_name=task.module_path)
    hub.enqueue_as(task, args, kwargs, UUID(result_id))
    return AsyncResult(result_id, task_name=task.module_path)


def _of_other_backend(result: Result[Any]) -> AsyncResult:
    state = {"SUCCESSFUL": "SUCCESS", "FAILED": "FAILURE"}.get(result.status, "PENDING")
    value = result.return_value if state == "SUCCESS" else None
    traceback = result.errors[-1].traceback if result.errors else None
    return EagerResult(result.id, value, state, traceback, result.task.module_path)


#: The headers of a message that are Celery's own.
_OWN = frozenset({"id", "task", "eta", "lang", "argsrepr", "kwargsrepr"})


def _describe(
    task: "Task[..., Any, Any]",
    result_id: str | None,
    args: Any,
    kwargs: Any,
    headers: dict[str, Any],
) -> dict[str, Any]:
    """Return the arguments of the signals around publishing."""
    own = {"id": result_id, "task": task.module_path, "lang": "py"}
    return {
        "body": (args or (), kwargs or {}, {}),
        "exchange": "",
        "routing_key": task.queue_name,
        "headers": {**headers, **own},
    }


def check(options: Mapping[str, Any], where: str) -> None:
    """Warn of options of a call without effect. Raise InvalidOption for any other."""
    for name, value in options.items():
        if value is None:
            continue
        if name in CALLBACKS:
            raise InvalidOption(
                f"{name} in {where} needs workflows, which taskhub does not have; "
                f"{CALLBACKS[name]}."
            )
        if name in WITHOUT_EFFECT:
            warn(f"{name} in {where} has no effect: {WITHOUT_EFFECT[name]}")
        elif name not in KNOWN:
            raise InvalidOption(
                f"Unknown option {name!r} in {where}{did_you_mean(name, KNOWN)}"
            )


def _variant(
    task: "Task[..., Any, Any]", options: Mapping[str, Any]
) -> "Task[..., Any, Any]":
    """Return the variant of a task that a call's options describe."""
    now = utc_now()
    run_after = None
    if "countdown" in options:
        run_after = now + span_of(options["countdown"], "countdown")
    elif "eta" in options:
        run_after = aware(options["eta"])
    changes: dict[str, Any] = {
        "run_after": run_after,
        "queue_name": options.get("queue") or options.get("routing_key"),
    }
    if "priority" in options:
        changes["priority"] = priority_of(options["priority"])
    if "expires" in options:
        # Celery counts seconds from now; taskhub, from the due time.
        expires = options["expires"]
        if not isinstance(expires, datetime | str):
            expires = now + span_of(expires, "expires")
        changes["expires_after"] = aware(expires) - max(run_after or now, now)
    changes = {name: value for name, value in changes.items() if value is not None}
    return task.using(**changes) if changes else task


def span_of(value: object, what: str) -> timedelta:
    """Return seconds, or a timedelta, as a timedelta. Raise InvalidOption."""
    if isinstance(value, timedelta):
        return value
    try:
        return timedelta(seconds=float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InvalidOption(
            f"{what} must be seconds or a timedelta, not {value!r}."
        ) from None


def aware(moment: object) -> datetime:
    """
    Return a moment as Celery reads it: in the site's zone, if it is naive.

    Raise InvalidOption if it is neither a datetime nor text in ISO 8601.
    """
    try:
        read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        read = None
    if not isinstance(read, datetime):
        raise InvalidOption(
            f"A moment must be a datetime, or text in ISO 8601, not {moment!r}."
        )
    return read if timezone.is_aware(read) else read.replace(tzinfo=site_zone())


def _id_of(task_id: Any) -> str | None:
    """Return the id that a caller has chosen. Raise InvalidOption if it cannot be."""
    if task_id is None:
        return None
    try:
        chosen = UUID(str(task_id))
    except ValueError:
        chosen = None
    if chosen is None or chosen.version != 7:
        raise InvalidOption(
            f"task_id must be a UUID of version 7, which increases with time, not "
            f"{task_id!r}; make one with uuid() of taskhub.interop.celery."
        )
    return str(chosen)
