"""Messages that this code cannot run, during a rolling deploy."""

import logging
from collections import OrderedDict
from datetime import datetime
from threading import Lock
from uuid import UUID

from taskhub.foundation.clock import utc_now
from taskhub.messages import Message
from taskhub.tasks.registry import UNKNOWN_AGAIN, UNKNOWN_FOR

logger = logging.getLogger(__name__)

#: The maximum number of messages that are remembered.
_MAX_REMEMBERED = 10_000


class WaitingForCode:
    """
    Says how long a message waits for a worker that may have newer code.

    A message waits for UNKNOWN_FOR from its due time, or from when this process first
    saw it if that was earlier. The due time alone is not enough, since the database
    broker changes it when a message is postponed. For any thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen_at: OrderedDict[UUID, datetime] = OrderedDict()
        self._logged_paths: set[str] = set()

    def due_again(self, message: Message, misfit: str) -> datetime | None:
        """Return when to deliver a message again; None if it has waited long enough."""
        now = utc_now()
        self._log_once(message.task_path, misfit)
        due = max(message.enqueued_at, message.run_after or message.enqueued_at)
        seen_at = self._first_seen_at(message.id, now)
        if now - min(due, seen_at) < UNKNOWN_FOR:
            return now + UNKNOWN_AGAIN
        with self._lock:
            self._seen_at.pop(message.id, None)
        return None

    def _first_seen_at(self, pk: UUID, now: datetime) -> datetime:
        with self._lock:
            if len(self._seen_at) >= _MAX_REMEMBERED and pk not in self._seen_at:
                self._seen_at.popitem(last=False)
            return self._seen_at.setdefault(pk, now)

    def _log_once(self, path: str, misfit: str) -> None:
        with self._lock:
            is_logged = path in self._logged_paths
            self._logged_paths.add(path)
        if not is_logged:
            logger.warning(
                "%s Messages for %s that this code cannot run wait for a worker whose "
                "code can, for %d minutes.",
                misfit,
                path,
                UNKNOWN_FOR.total_seconds() / 60,
            )
