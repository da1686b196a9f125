"""The signals that a supervisor receives, read from a pipe."""

import os
import signal

from taskhub.foundation.stop_signals import STOP_SIGNALS
from taskhub.worker.pipes import read_available

#: Handled by the supervisor; its children begin with the defaults.
HANDLED_SIGNALS = (*STOP_SIGNALS, signal.SIGQUIT, signal.SIGCHLD)


class SignalPipe:
    """Collects signals from `open` on, so that waiting for them needs no handler."""

    def __init__(self) -> None:
        self.reading_end, self._writing_end = os.pipe()

    def open(self) -> None:
        os.set_blocking(self._writing_end, False)
        signal.set_wakeup_fd(self._writing_end, warn_on_full_buffer=False)
        for each in HANDLED_SIGNALS:
            signal.signal(each, lambda *_: None)

    def read(self) -> bytes:
        """Return the numbers of the signals that have come, each as a byte."""
        return read_available(self.reading_end)

    def close(self) -> None:
        os.close(self.reading_end)
        os.close(self._writing_end)
