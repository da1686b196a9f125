"""
`Celery`: an app, so that a project's `celery.py` moves by its import line.

Taskhub's AppConfig finalizes all apps when Django has loaded its own: it sends
`on_after_configure` and `on_after_finalize`, and declares `beat_schedule`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.utils import timezone

from taskhub.interop.celery.app.control import Control
from taskhub.interop.celery.app.decorator import (
    complete,
    declare_waiting,
    make_task,
)
from taskhub.interop.celery.app.periodic import declare_entry
from taskhub.interop.celery.app.task import Task as BaseTask
from taskhub.interop.celery.canvas import Signature, signature
from taskhub.interop.celery.conf import Conf
from taskhub.interop.celery.registry import tasks
from taskhub.interop.celery.result import AsyncResult, GroupResult
from taskhub.interop.celery.signals import Signal

_apps: "list[Celery]" = []


class Celery:
    """Tasks, settings and schedules of a project."""

    Task = BaseTask

    def __init__(self, main: str | None = None, **settings: Any) -> None:
        self.main = main
        self.conf = Conf()
        self.conf.update(settings)
        self.control = Control()
        self.on_after_configure = Signal("on_after_configure")
        self.on_after_finalize = Signal("on_after_finalize")
        self._modules: list[tuple[str, str]] = []
        _apps.append(self)

    # Tasks.

    def task(self, *args: Any, **options: Any) -> Any:
        """Make a task of a function; see shared_task()."""

        def decorate(function: Callable[..., Any]) -> BaseTask:
            return make_task(function, app=self, **options)

        return decorate(args[0]) if args and callable(args[0]) else decorate

    def register_task(self, task: Any) -> BaseTask:
        """Register a task that is an instance, or a class, of its own."""
        made: BaseTask = task() if isinstance(task, type) else task
        kind = type(made)
        made.name = made.name or f"{kind.__module__}.{kind.__qualname__}"
        made.app = self
        return complete(made, kind.__name__, kind.__qualname__)

    @property
    def tasks(self) -> Mapping[str, BaseTask]:
        """The tasks of this process by name."""
        return tasks

    def autodiscover_tasks(
        self,
        packages: Iterable[str] | Callable[[], Iterable[str]] | None = None,
        related_name: str | None = "tasks",
        force: bool = False,
    ) -> None:
        """
        Import further modules with tasks when Django has loaded its apps.

        Without `packages` do nothing: taskhub imports `tasks` of every installed app.
        """
        if callable(packages):
            packages = packages()
        for package in packages or ():
            self._modules.append((package, related_name or ""))

    # Calls.

    def send_task(
        self,
        name: str,
        args: Any = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> AsyncResult:
        """Enqueue a task by its name. Raise NotRegistered if it is not known here."""
        return Signature(name).apply_async(args, kwargs, **options)

    def signature(self, *args: Any, **kwargs: Any) -> Signature:
        """See canvas.signature()."""
        return signature(*args, **kwargs)

    def AsyncResult(self, task_id: str, **kwargs: Any) -> AsyncResult:
        """Return a result by its id."""
        return AsyncResult(task_id)

    def GroupResult(self, *args: Any, **kwargs: Any) -> GroupResult:
        """Return the results of a group."""
        return GroupResult(*args, **kwargs)

    # Settings.

    def config_from_object(
        self,
        obj: Any,
        silent: bool = False,
        force: bool = False,
        namespace: str | None = None,
    ) -> None:
        """Read settings, when they are used, from an object or from its path."""
        self.conf.read_from(obj, namespace)

    def add_defaults(self, settings: Mapping[str, Any]) -> None:
        """Set settings."""
        self.conf.update(settings)

    # Schedules.

    def add_periodic_task(
        self,
        schedule: Any,
        sig: Any,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> str:
        """Declare a schedule of a signature, and return its name."""
        whole = signature(sig).clone(args, kwargs)
        name = name or repr(whole)
        entry = {
            "task": whole.task,
            "schedule": schedule,
            "args": whole.args,
            "kwargs": whole.kwargs,
            "options": whole.options | options,
        }
        declare_entry(name, entry)
        return name

    def now(self) -> datetime:
        """Return the time."""
        return timezone.now()

    def set_current(self) -> None:
        """Do nothing: `current_app` is the first app."""

    set_default = set_current

    def finalize(self, auto: bool = False) -> None:
        """Send the signals of the app, and declare its schedules."""
        for package, related_name in self._modules:
            path = ".".join(filter(None, (package, related_name)))
            if find_spec(path):
                import_module(path)
        self.on_after_configure.send(self)
        self.on_after_finalize.send(self)
        for name, entry in (self.conf.get("beat_schedule") or {}).items():
            declare_entry(name, entry)

    def __repr__(self) -> str:
        return f"<Celery {self.main or '__main__'}>"


def finalize_apps() -> None:
    """Complete the tasks and apps that were made before Django had loaded its apps."""
    declare_waiting()
    for app in _apps:
        app.finalize()


def current_app() -> Celery:
    """Return the first app, or a new one."""
    return _apps[0] if _apps else Celery("default")
