"""Parts of the beat that need no database."""

import subprocess
import sys
from threading import Thread

from django.db import InterfaceError

from taskhub.beat import Beat
from taskhub.beat.stop_flag import StopFlag
from taskhub.compat import django_tasks as compat


def test_the_beat_continues_after_an_interface_error_of_the_driver(monkeypatch):
    beat = Beat(compat.task_backends["default"].config)
    looks = []

    def look():
        looks.append(True)
        if len(looks) == 1:
            raise InterfaceError("connection already closed")
        beat.stop()
        return 0.0

    monkeypatch.setattr(beat._ticker, "run_once", look)
    monkeypatch.setattr(beat, "_rest", lambda pause, *, cpu_seconds: None)

    # Run it in a thread, so that it does not close the connections of the test.
    thread = Thread(target=beat.run, daemon=True)
    thread.start()
    thread.join(30)

    assert len(looks) == 2


#: A program that stops a wait at each of its lines, as a signal handler may do.
STOPPED_AT_EACH_LINE = """
import sys
import django
django.setup()
from taskhub.beat.stop_flag import StopFlag

flag = StopFlag()

def stop(frame, event, argument):
    flag.set()
    return stop

sys.settrace(stop)
for _ in range(3):
    flag.wait(0.01)
sys.settrace(None)
print(flag.is_set())
"""


def test_a_stop_may_arrive_at_any_line_of_a_wait():
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_AT_EACH_LINE],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout == "True\n", done.stderr


def test_a_stop_ends_a_wait():
    flag = StopFlag()
    thread = Thread(target=flag.set)
    thread.start()

    assert flag.wait(60)
    assert flag.is_set()
    thread.join()
