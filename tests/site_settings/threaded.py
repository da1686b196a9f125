"""The test suite's settings, whose import starts a thread that holds a lock."""

from threading import Event, Thread

from tests.settings import *  # noqa: F403

Thread(target=Event().wait, name="metrics-sender", daemon=True).start()
