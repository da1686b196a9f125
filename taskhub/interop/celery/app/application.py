"""
`Celery`: an app, so that a project's `celery.py` moves by its import line.

taskhub's AppConfig finalizes all apps when Django has loaded its own: it calls the
receivers of `on_after_configure` and `on_after_finalize`, and declares `beat_schedule`.
An app that is made later does so at once.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps as django_apps
from django.utils import timezone

from taskhub.foundation.at_ready import when_ready
from taskhub.interop.celery.app.control import Control
from taskhub.interop.celery.app.decorator import (
    complete,
    declare_waiting,
    shared_task,
)
from taskhub.interop.celery.app.options import check
from taskhub.interop.celery.app.periodic import declare_entry
from taskhub.interop.celery.app.task import Task as BaseTask
from taskhub.interop.celery.canvas import Signature, signature
from taskhub.interop.celery.conf import Conf, load
from taskhub.interop.celery.registry import apps, tasks
from taskhub.interop.celery.result import AsyncResult, GroupResult

#: Whether Django has loaded its apps.
_is_ready = False


class Celery:
    """Tasks, settings and schedules of a project."""

    def __init__(
        self,
        main: str | None = None,
        *,
        task_cls: type[BaseTask] | str | None = None,
        config_source: Any = None,
        namespace: str | None = None,
        **settings: Any,
    ) -> None:
        self.main = main
        self._task_class = task_cls or BaseTask
        self.control = Control()
        self.on_after_configure = self.on_after_finalize = _Hook(self)
        #: What is to be done when Django has loaded its apps.
        self._postponed: list[Callable[[], object]] = []
        self.conf = Conf(lambda: self.when_ready(self._declare_schedules))
        self.conf.update(settings)
        if config_source is not None:
            self.config_from_object(config_source, namespace=namespace)
        apps.append(self)

    # Tasks.

    @cached_property
    def Task(self) -> type[BaseTask]:
        """The base class of tasks without `base`: `task_cls`, or what is set here."""
        found: type[BaseTask] = load(self._task_class)
        return found

    def task(self, *args: Any, **options: Any) -> Any:
        """Make a task of a function; see shared_task()."""
        return shared_task(*args, app=self, **options)

    def register_task(self, task: Any) -> BaseTask:
        """Register a task that is an instance, or a class, of its own."""
        made: BaseTask = task() if isinstance(task, type) else task
        if tasks.get(made.name) is made:
            return made
        kind = type(made)
        check({}, kind, f"the task {kind.__qualname__}")
        made.name = made.name or f"{kind.__module__}.{kind.__qualname__}"
        made._app = self
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
        Import the modules of this name when Django has loaded its apps.

        Without `packages`, those of every installed app. Raise ModuleNotFoundError for
        an unknown package.
        """
        self.when_ready(lambda: _import_tasks(packages or _app_names, related_name))

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
        """Make this app `current_app`, in place of the one that was made first."""
        apps.remove(self)
        apps.insert(0, self)

    set_default = set_current

    def when_ready(self, action: Callable[[], object]) -> None:
        """Do something when Django has loaded its apps; at once if it has."""
        if _is_ready:
            action()
        else:
            self._postponed.append(action)

    def finalize(self, auto: bool = False) -> None:
        """Do what was postponed until Django has loaded its apps."""
        for setting in ("imports", "include"):
            modules = self.conf.get(setting) or ()
            for module in [modules] if isinstance(modules, str) else modules:
                import_module(module)
        while self._postponed:
            self._postponed.pop(0)()

    def _declare_schedules(self) -> None:
        for name, entry in (self.conf.get("beat_schedule") or {}).items():
            declare_entry(name, entry)

    def __repr__(self) -> str:
        return f"<Celery {self.main or '__main__'}>"


class _Hook:
    """`on_after_configure` and `on_after_finalize`, which are the same here."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def connect(
        self, receiver: Callable[..., Any] | None = None, **options: Any
    ) -> Any:
        """Call a receiver with the app as `sender`, or return a decorator that does."""

        def decorate(receiver: Callable[..., Any]) -> Callable[..., Any]:
            self._app.when_ready(lambda: receiver(sender=self._app))
            return receiver

        return decorate if receiver is None else decorate(receiver)


def _import_tasks(
    packages: Iterable[str] | Callable[[], Iterable[str]], related_name: str | None
) -> None:
    """
    Import the modules with tasks of packages, or of the apps that paths name.

    Without `related_name`, the paths name the modules themselves.
    """
    for path in packages() if callable(packages) else packages:
        if related_name is None:
            import_module(path)
            continue
        # Raises ModuleNotFoundError for an unknown package.
        import_module(path.partition(".")[0])
        package = _package_of(path)
        module = f"{package}.{related_name}"
        if package and find_spec(module):
            import_module(module)


def _app_names() -> list[str]:
    return [config.name for config in django_apps.get_app_configs()]


def _package_of(path: str) -> str:
    """Return the package of a path; "" if it names a module that is in no package."""
    # INSTALLED_APPS may have the path of a class in a module of the package.
    while path and not _is_package(path):
        path = path.rpartition(".")[0]
    return path


def _is_package(path: str) -> bool:
    try:
        spec = find_spec(path)
    except ModuleNotFoundError:
        return False
    return spec is not None and spec.submodule_search_locations is not None


def finalize_apps() -> None:
    """Complete the tasks and apps that were made before Django had loaded its apps."""
    global _is_ready
    declare_waiting()
    _is_ready = True
    for app in apps:
        app.finalize()


def current_app() -> Celery:
    """Return the current app, or a new one."""
    return apps[0] if apps else Celery("default")


when_ready(finalize_apps)
