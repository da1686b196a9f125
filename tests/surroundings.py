"""Carriers and middleware of a site, and tasks that show their effects."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from django.utils import timezone, translation
from opentelemetry import trace

from taskhub import task
from taskhub.context import Carrier, current_user_id
from taskhub.middleware import Middleware, TaskRun
from taskhub.retries import fixed

tenant: ContextVar[Any] = ContextVar("tenant", default=None)
entered: ContextVar[tuple[str, ...]] = ContextVar("entered", default=())


class Tenant(Carrier):
    """Carries the tenant."""

    def capture(self) -> Any:
        return tenant.get()

    @contextmanager
    def restore(self, value: Any) -> Iterator[None]:
        if value == "gone":
            raise LookupError("There is no tenant 'gone'.")
        token = tenant.set(value)
        yield
        tenant.reset(token)


class Outer(Middleware):
    """Notes that it was entered, with the tenant that it saw."""

    @contextmanager
    def around(self, run: TaskRun) -> Iterator[None]:
        token = entered.set((*entered.get(), f"outer {tenant.get()} {run.attempt}"))
        yield
        entered.reset(token)


class Inner(Middleware):
    """Replaces the key "double" by its value, and refuses a key."""

    @contextmanager
    def around(self, run: TaskRun) -> Iterator[None]:
        entered.set((*entered.get(), f"inner {run.task.name} {run.result.status}"))
        if run.kwargs.get("key") == "refused":
            raise PermissionError("The middleware refuses it.")
        if run.kwargs.get("key") == "double":
            run.kwargs["key"] = "doubled"
        yield


class OnlyCapture(Carrier):
    """A carrier without restore()."""

    def capture(self) -> Any:
        return 1


class OnlyAsync:
    """A middleware without __call__()."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def acall(self, run: TaskRun) -> Any:
        return await self.call(run)


class Counted(Middleware):
    """Counts its instances."""

    instances = 0

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        Counted.instances += 1


class NotAsync:
    """A middleware without acall()."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def __call__(self, run: TaskRun) -> Any:
        return self.call(run)


def _see() -> dict[str, Any]:
    return {
        "language": translation.get_language(),
        "zone": timezone.get_current_timezone_name(),
        "user": current_user_id(),
        "trace": f"{trace.get_current_span().get_span_context().trace_id:032x}",
        "tenant": tenant.get(),
        "entered": list(entered.get()),
    }


@task(max_attempts=2, backoff=fixed(seconds=0))
def see(key=None, fail=False):
    """Return what is around this run; fail at the first attempt if told to."""
    if fail and "outer acme 1" in entered.get():
        raise OSError("The first attempt fails.")
    return _see() | {"key": key}


@task
async def asee(key=None):
    """See see()."""
    return _see() | {"key": key}


def not_awaiting(function: Any) -> Any:
    """Decorate a function without awaiting it."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


@task
@not_awaiting
async def see_without_awaiting(key=None):
    """See see()."""
    return _see() | {"key": key}


@task
def see_in_child():
    """Enqueue see(), and return the id of its result."""
    return see.enqueue().id


@task(durable=False, keep="all")
def see_without_row(key=None):
    """See see()."""
    return _see() | {"key": key}
