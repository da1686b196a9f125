"""Presence: a beat records every few seconds that it is running."""

import os
import socket
import time

from taskhub.operations.schedules.beats import PRESENCE_SECONDS, record_beat


class Presence:
    """Records that one beat is running, by its host and process."""

    def __init__(self) -> None:
        self._next_at = 0.0

    def tell(self) -> None:
        """Record the beat once per PRESENCE_SECONDS; block for one statement."""
        now = time.monotonic()
        if now >= self._next_at:
            record_beat(f"{socket.gethostname()}:{os.getpid()}")
            self._next_at = now + PRESENCE_SECONDS
