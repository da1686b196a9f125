"""The carrier of the user, and the middleware of requests that it needs."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import markcoroutinefunction

from taskhub.context.carrier import Carrier

#: The key of the user, or a function that returns it.
_user_id: ContextVar[Any] = ContextVar("taskhub.user_id", default=None)


class CurrentUser(Carrier):
    """
    The primary key of the user who made the request; see `current_user_id()`.

    Needs `current_user_middleware` in `MIDDLEWARE`.
    """

    def capture(self) -> Any:
        return current_user_id()

    def restore(self, value: Any) -> AbstractContextManager[Any]:
        return _as_user(value)


def current_user_id() -> Any:
    """
    Return the primary key of the user of this request, or of the run's request.

    A UUID is text. Return None for anonymous users, and outside of requests and runs.
    In a request, block for the queries that load its user.
    """
    user_id = _user_id.get()
    # A request sets a function, so that only its use loads the user from the session.
    return user_id() if callable(user_id) else user_id


def current_user_middleware(
    get_response: Callable[[Any], Any],
) -> Callable[[Any], Any]:
    """
    Middleware of Django for `CurrentUser`, sync and async.

    List it after `AuthenticationMiddleware`.
    """
    if iscoroutinefunction(get_response):
        respond: Callable[[Any], Awaitable[Any]] = get_response

        async def middleware(request: Any) -> Any:
            with _as_user(lambda: _key_of(request)):
                return await respond(request)

        return markcoroutinefunction(middleware)

    def sync_middleware(request: Any) -> Any:
        with _as_user(lambda: _key_of(request)):
            return get_response(request)

    return sync_middleware


current_user_middleware.sync_capable = True  # type: ignore[attr-defined]
current_user_middleware.async_capable = True  # type: ignore[attr-defined]


def _key_of(request: Any) -> Any:
    key = getattr(getattr(request, "user", None), "pk", None)
    return key if key is None or isinstance(key, int) else str(key)


@contextmanager
def _as_user(user_id: Any) -> Iterator[None]:
    token = _user_id.set(user_id)
    try:
        yield
    finally:
        _user_id.reset(token)
