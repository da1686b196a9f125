"""`@periodic`: schedules that are declared in code, above the task that they fire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from taskhub.compat import django_tasks as compat
from taskhub.exceptions import InvalidOption
from taskhub.foundation.nearest import did_you_mean
from taskhub.schedules import Schedule
from taskhub.tasks.calls import check_positional

#: Includes plain Django tasks, made while another backend was configured. Tasks with
#: Celery's words are accepted as well: their decorators return Any.
AnyTask = TypeVar("AnyTask", bound="compat.Task[..., Any]")


class PeriodicOptions(TypedDict, total=False):
    """The options of `@periodic`: fields of `PeriodicTask` with the same names."""

    args: tuple[Any, ...] | list[Any]
    kwargs: Mapping[str, Any]
    description: str
    queue_name: str
    priority: int
    expires_after: timedelta
    start_at: datetime
    end_at: datetime
    max_runs: int
    jitter: timedelta
    missed_runs: Literal["skip", "latest", "all"]
    missed_window: timedelta
    overlap: Literal["allow", "skip", "wait", "cancel"]
    disable_after_failures: int


@dataclass(frozen=True)
class Declared:
    """A schedule that the code declares."""

    name: str
    task_path: str
    schedule: Schedule
    #: Not in repr(), because it has the arguments.
    options: PeriodicOptions = field(default_factory=PeriodicOptions, repr=False)


_declared: dict[str, Declared] = {}


def periodic(
    schedule: Schedule, *, name: str | None = None, **options: Unpack[PeriodicOptions]
) -> Callable[[AnyTask], AnyTask]:
    """
    Declare a schedule that fires a task.

        @periodic(cron("0 3 * * *", tz="Europe/Berlin"))
        @task
        def tidy_up(): ...

    `migrate` makes a `PeriodicTask` row of the declaration. By default, its name is the
    task's path; several schedules of one task need different names.

    Raise InvalidOption for an unknown option, or a name that another task has taken.
    Raise InvalidArguments if `args` is a string.
    """
    _check(schedule, options)

    def declare(task: AnyTask) -> AnyTask:
        path = getattr(task, "module_path", None)
        if not isinstance(path, str):
            raise InvalidOption(
                f"@periodic goes above @task, and not on the bare function {task!r}."
            )
        declare_schedule(Declared(name or path, path, schedule, options))
        return task

    return declare


def _check(schedule: object, options: PeriodicOptions) -> None:
    for option in options:
        if option not in PeriodicOptions.__annotations__:
            raise InvalidOption(
                f"Unknown option {option!r} in @periodic"
                f"{did_you_mean(option, PeriodicOptions.__annotations__)}"
            )
    if not isinstance(schedule, Schedule):
        raise InvalidOption(
            f"@periodic takes a schedule, such as cron('0 3 * * *'), not {schedule!r}."
        )
    check_positional(options.get("args", ()), "args of @periodic")


def declare_schedule(declared: Declared) -> None:
    """Declare a schedule. Raise InvalidOption if another task has taken its name."""
    known = _declared.get(declared.name)
    # A reloaded module declares its schedules again.
    if known is not None and known.task_path != declared.task_path:
        raise InvalidOption(
            f"Two schedules have the name {declared.name!r}: one of "
            f"{known.task_path}, and one of {declared.task_path}."
        )
    _declared[declared.name] = declared


def declared_schedules() -> dict[str, Declared]:
    """Return all declared schedules by name, sorted."""
    return dict(sorted(_declared.items()))
