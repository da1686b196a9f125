"""
Signatures and groups. A group enqueues its tasks in one transaction, and nothing waits.

Chains, chords and callbacks need workflows, which taskhub does not have: making one
raises InvalidCall with what to write instead.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from taskhub.interop.celery import database
from taskhub.interop.celery.conf import setting
from taskhub.interop.celery.exceptions import InvalidCall
from taskhub.interop.celery.publishing import publish
from taskhub.interop.celery.registry import tasks
from taskhub.interop.celery.result import AsyncResult, GroupResult
from taskhub.interop.celery.utils import uuid
from taskhub.tasks import find_task
from taskhub.tasks.calls import check_positional

if TYPE_CHECKING:
    from taskhub.interop.celery.app.task import Task


class Signature:
    """
    A task, by itself or by its name, with arguments and options for one run.

    Further positional arguments are put before its own, as in Celery. An immutable
    signature takes none.
    """

    def __init__(
        self,
        task: "Task | str",
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        immutable: bool = False,
        app: Any = None,
        **more: Any,
    ) -> None:
        self._task = task
        check_positional(args, "A signature")
        self.args = tuple(args or ())
        self.kwargs = dict(kwargs or {})
        self.options = {**(options or {}), **more}
        self.immutable = immutable

    @property
    def task(self) -> str:
        """The name of the task."""
        return self._task if isinstance(self._task, str) else self._task.name

    name = task

    @property
    def type(self) -> "Task | str":
        """The task itself; its name if it is not one of Celery's."""
        if isinstance(self._task, str):
            return tasks.get(self._task, self._task)
        return self._task

    def clone(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> "Signature":
        """Return a copy with further arguments and options."""
        options = self.options | options
        if self.immutable:
            args = kwargs = None
        return Signature(
            self._task,
            (*(args or ()), *self.args),
            {**self.kwargs, **(kwargs or {})},
            options,
            immutable=self.immutable,
        )

    partial = clone

    def set(self, immutable: bool | None = None, **options: Any) -> "Signature":
        """Change the options, and return the signature itself."""
        if immutable is not None:
            self.immutable = immutable
        self.options |= options
        return self

    def set_immutable(self, immutable: bool) -> None:
        self.immutable = immutable

    def delay(self, /, *args: Any, **kwargs: Any) -> AsyncResult:
        """Enqueue the task with further arguments."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> AsyncResult:
        """Enqueue the task with further arguments and options."""
        whole = self.clone(args, kwargs, **options)
        task = whole.type
        if isinstance(task, str):
            return publish(find_task(task), whole.args, whole.kwargs, **whole.options)
        return task.apply_async(whole.args, whole.kwargs, **whole.options)

    def apply(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> AsyncResult:
        """Run the task here."""
        whole = self.clone(args, kwargs, **options)
        return self._called().apply(whole.args, whole.kwargs, **whole.options)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the task here, and return its value."""
        whole = self.clone(args, kwargs)
        return self._called()(*whole.args, **whole.kwargs)

    def _called(self) -> "Task":
        task = self.type
        if isinstance(task, str):
            raise InvalidCall(
                f"{task!r} is not declared with shared_task or app.task, so that its "
                "signature can only be enqueued; call its function instead."
            )
        return task

    def link(self, callback: Any) -> NoReturn:
        _refuse("link()", "enqueue the next task at the end of this one")

    def link_error(self, errback: Any) -> NoReturn:
        _refuse("link_error()", "write on_failure() in a base class of the task")

    on_error = link_error

    def __or__(self, other: Any) -> NoReturn:
        _refuse("a chain, a | b,", "enqueue the next task at the end of this one")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Signature):
            return NotImplemented
        return (self.task, self.args, self.kwargs, self.options) == (
            other.task,
            other.args,
            other.kwargs,
            other.options,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        # As Celery's, since it names unnamed schedules.
        shown = [repr(each) for each in self.args]
        shown += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{self.task}({', '.join(shown)})"


def signature(
    task: "Task | Signature | str",
    args: Iterable[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    **more: Any,
) -> Signature:
    """Return a signature of a task or of a task's name; a signature is returned."""
    if isinstance(task, Signature):
        return task
    return Signature(task, args, kwargs, options, **more)


maybe_signature = subtask = signature


class group:
    """Signatures that are enqueued together: all of them, or none."""

    def __init__(self, *signatures: Any, **options: Any) -> None:
        first = signatures[0] if len(signatures) == 1 else None
        if isinstance(first, Iterable) and not isinstance(first, Signature | group):
            signatures = tuple(signatures[0])
        self.tasks = list(_flatten(signatures))
        self.options = options

    def apply_async(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> GroupResult:
        """Enqueue all tasks in one transaction, with further arguments and options."""
        options = self.options | options
        options.pop("task_id", None)
        if setting("task_always_eager"):
            return self.apply(args, kwargs, **options)
        with database.together():
            results = [each.apply_async(args, kwargs, **options) for each in self.tasks]
        return GroupResult(uuid(), results)

    def delay(self, /, *args: Any, **kwargs: Any) -> GroupResult:
        """Enqueue all tasks."""
        return self.apply_async(args, kwargs)

    def __call__(self, /, *args: Any, **options: Any) -> GroupResult:
        """Enqueue all tasks with further positional arguments, and with options."""
        return self.apply_async(args, **options)

    def apply(
        self, args: Iterable[Any] | None = None, kwargs: Any = None, **options: Any
    ) -> GroupResult:
        """Run all tasks here, one after another."""
        results = [each.apply(args, kwargs, **options) for each in self.tasks]
        return GroupResult(uuid(), results)

    def skew(self, start: float = 1.0, stop: Any = None, step: float = 1.0) -> "group":
        """Give the tasks countdowns that grow from `start` by `step`, up to `stop`."""
        pause = start
        for each in self.tasks:
            each.set(countdown=pause)
            if stop is None or pause + step <= stop:
                pause += step
        return self

    def link(self, callback: Any) -> NoReturn:
        _refuse("link()", _LAST_ONE)

    def link_error(self, errback: Any) -> NoReturn:
        _refuse("link_error()", "write on_failure() in a base class of the task")

    def __or__(self, other: Any) -> NoReturn:
        _refuse("a chord, group | task,", _LAST_ONE)

    def __len__(self) -> int:
        return len(self.tasks)

    def __repr__(self) -> str:
        return f"group({self.tasks!r})"


_LAST_ONE = (
    "let each task count down in a row of your own, and the last one enqueue the next "
    "task"
)


class _Refused:
    """A canvas that cannot be made."""

    instead = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse(f"{type(self).__name__}()", self.instead)


class chain(_Refused):
    """Tasks that run one after another. Raise InvalidCall."""

    instead = "enqueue the next task at the end of each one"


class chord(_Refused):
    """A task that runs when a group has finished. Raise InvalidCall."""

    instead = _LAST_ONE


class chunks(_Refused):
    """Calls of one task in slices. Raise InvalidCall."""

    instead = "enqueue a task for each slice, with a group"


class xmap(_Refused):
    """A task for each item, in one run. Raise InvalidCall."""

    instead = "write the loop in a task"


xstarmap = xmap


def _refuse(what: str, instead: str) -> NoReturn:
    raise InvalidCall(
        f"{what} needs workflows, which taskhub does not have; {instead}."
    )


def _flatten(given: Iterable[Any]) -> Iterable[Signature]:
    for each in given:
        if isinstance(each, group):
            yield from each.tasks
        elif isinstance(each, Signature):
            yield each
        else:
            raise InvalidCall(
                f"A group takes signatures, such as task.s(1), not {each!r}."
            )
