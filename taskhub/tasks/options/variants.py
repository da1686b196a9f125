"""The options of `using()` and `apply_async()`, and what they change in a task."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, cast

from taskhub.conf.hints import hint
from taskhub.exceptions import InvalidOption
from taskhub.foundation.clock import utc_now
from taskhub.tasks.options.hints import CELERY_HINTS, USING_HINTS
from taskhub.tasks.registry import lookup

if TYPE_CHECKING:
    from taskhub.tasks.task import Task


class UsingOptions(TypedDict, total=False):
    """The options of `using()`."""

    priority: int | None
    queue_name: str | None
    run_after: datetime | timedelta | None
    backend: str | None
    durable: bool | None
    expires_after: timedelta | None
    meta: Mapping[str, Any] | None


class CeleryOptions(TypedDict, total=False):
    """The options of `apply_async()`; None is the same as leaving an option out."""

    countdown: float | None
    eta: datetime | None
    expires: float | datetime | None
    queue: str | None
    priority: int | None


#: None removes these options. It resets the other options to their values in `@task`.
_OPTIONAL = {"run_after", "expires_after", "meta"}


def changes_of(
    task: "Task[..., Any, Any]", options: Mapping[str, Any], of_task: frozenset[str]
) -> dict[str, Any]:
    """
    Return the fields of a task that `using(**options)` changes.

    `of_task` are the options of `@task`. Raise InvalidOption for an unknown option.
    """
    known = UsingOptions.__annotations__
    for name, value in options.items():
        if name not in known:
            end = hint(name, value, USING_HINTS, known)
            if name in of_task:
                end = (
                    f". Workers read it from @task; define a task with another {name}."
                )
            raise InvalidOption(f"Unknown option {name!r} in {task.name}.using(){end}")
    changes = dict(options)
    for name in changes:
        if changes[name] is None and name not in _OPTIONAL:
            changes[name] = getattr(lookup(task.module_path) or task, name)
    if "run_after" in changes:
        changes["run_in"] = None
    if isinstance(after := changes.get("run_after"), timedelta):
        changes |= {"run_in": after, "run_after": utc_now() + after}
    return changes


def from_celery(task: "Task[..., Any, Any]", options: CeleryOptions) -> UsingOptions:
    """
    Return the options of `using()` that correspond to Celery's options.

    Raise InvalidOption for an unknown option, or for two that exclude each other.
    """
    known = CeleryOptions.__annotations__
    for name, value in options.items():
        if name not in known:
            raise InvalidOption(
                f"Unknown option {name!r} in {task.name}.apply_async()"
                f"{hint(name, value, CELERY_HINTS, known)}"
            )
    countdown, eta = options.get("countdown"), options.get("eta")
    if countdown is not None and eta is not None:
        raise InvalidOption("Give countdown or eta, not both.")
    run_after = eta if countdown is None else timedelta(seconds=countdown)
    expires = options.get("expires")
    if isinstance(expires, datetime):
        due = _due(run_after or task.run_in or task.run_after)
        expires = (expires - due).total_seconds()
    changes = {
        "run_after": run_after,
        "expires_after": None if expires is None else timedelta(seconds=expires),
        "queue_name": options.get("queue"),
        "priority": options.get("priority"),
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return cast("UsingOptions", given)


def _due(run_after: datetime | timedelta | None) -> datetime:
    """Return when a run is due if it is enqueued now."""
    now = utc_now()
    if isinstance(run_after, timedelta):
        return now + max(run_after, timedelta(0))
    return max(run_after or now, now)
