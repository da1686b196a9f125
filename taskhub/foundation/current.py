"""Which run this code belongs to, if it belongs to one."""

from contextvars import ContextVar
from uuid import UUID

#: The id of the result that is being run here; what it enqueues is its child.
current_result: ContextVar[UUID | None] = ContextVar("taskhub.result", default=None)
