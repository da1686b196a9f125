"""
Values that travel with a task from the code that enqueues it to its run.

    "OPTIONS": {"context": ["taskhub.context.Language", "shop.tasks.CurrentTenant"]}

Each class of this list is a carrier. When a task is enqueued, `capture()` returns a
value, which the row and the message store. `restore(value)` is a context manager around
each attempt. Retries have the values of the first attempt. A task that a task enqueues
inherits its values, since its `capture()` is called within `restore()`.
"""

from taskhub.context.carrier import Carrier
from taskhub.context.locale import Language, TimeZone
from taskhub.context.trace import Trace
from taskhub.context.user import (
    CurrentUser,
    current_user_id,
    current_user_middleware,
)

__all__ = [
    "Carrier",
    "CurrentUser",
    "Language",
    "TimeZone",
    "Trace",
    "current_user_id",
    "current_user_middleware",
]
