"""The run that the current code belongs to."""

from contextvars import ContextVar
from uuid import UUID

#: The id of the result that is running here: the parent of results that it enqueues.
current_result: ContextVar[UUID | None] = ContextVar("taskhub.result", default=None)
