"""Presence: a beat notes every few seconds that it runs."""

import os
import socket
import time

from taskhub.operations.schedules.beats import PRESENCE_SECONDS, record_beat


class Presence:
    """Notes that one beat runs, by its host and process."""

    def __init__(self) -> None:
        self._next_at = 0.0

    def tell(self) -> None:
        """Note it, unless that was done a moment ago. Block for one statement."""
        now = time.monotonic()
        if now >= self._next_at:
            record_beat(f"{socket.gethostname()}:{os.getpid()}")
            self._next_at = now + PRESENCE_SECONDS
