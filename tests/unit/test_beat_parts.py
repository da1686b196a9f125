"""Parts of the beat that need no database."""

from threading import Thread

from django.db import InterfaceError

from taskhub import compat
from taskhub.beat import Beat


def test_it_goes_on_whatever_a_driver_calls_a_lost_connection(monkeypatch):
    beat = Beat(compat.task_backends["default"].config)
    looks = []

    def look():
        looks.append(True)
        if len(looks) == 1:
            raise InterfaceError("connection already closed")
        beat.stop()
        return 0.0

    monkeypatch.setattr(beat._ticker, "look", look)
    monkeypatch.setattr(beat, "_rest", lambda pause, *, computed: None)

    # In a thread: its own connections are closed, and no test's.
    thread = Thread(target=beat.run, daemon=True)
    thread.start()
    thread.join(30)

    assert len(looks) == 2
