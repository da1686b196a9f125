"""Celery's results: of one task, of a run in this process, and of a group."""

from taskhub.interop.celery.result.async_result import AsyncResult, allow_join_result
from taskhub.interop.celery.result.eager_result import EagerResult
from taskhub.interop.celery.result.group_result import GroupResult, ResultSet

__all__ = [
    "AsyncResult",
    "EagerResult",
    "GroupResult",
    "ResultSet",
    "allow_join_result",
]
