"""A beat tells every few seconds that it runs, so that people see whether one does."""

import os
import socket
import time

from taskhub.operations.schedules.beats import PRESENCE_SECONDS, record_beat


class Presence:
    """Tells of one beat: by its host and process."""

    def __init__(self) -> None:
        self._next_at = 0.0

    def tell(self) -> None:
        """Tell of it, unless it has told a moment ago. Blocks for one statement."""
        now = time.monotonic()
        if now >= self._next_at:
            record_beat(f"{socket.gethostname()}:{os.getpid()}")
            self._next_at = now + PRESENCE_SECONDS
