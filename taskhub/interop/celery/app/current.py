"""`current_task` and `current_app`: what is current when an attribute is read."""

from collections.abc import Callable
from typing import Any

from taskhub.interop.celery.app import application
from taskhub.interop.celery.app.request import running_task


class _Current:
    """Passes each attribute to what is current."""

    def __init__(self, find: Callable[[], Any]) -> None:
        object.__setattr__(self, "_find", find)

    def _get_current_object(self) -> Any:
        return self._find()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._find(), name, value)

    def __bool__(self) -> bool:
        return self._find() is not None

    def __eq__(self, other: object) -> bool:
        return bool(self._find() == other)

    def __hash__(self) -> int:
        return hash(self._find())

    def __repr__(self) -> str:
        return repr(self._find())


#: The task that runs here; false, and without attributes, outside of a run.
current_task: Any = _Current(running_task)
current_app: Any = _Current(application.current_app)
