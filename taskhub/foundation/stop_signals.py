"""The signals that stop a process gracefully, and when two of them are one stop."""

import signal

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

#: A signal this soon after the first one counts as the first: `timeout` signals both a
#: process and its process group, and systemd signals all processes of a service.
SAME_STOP_SECONDS = 1.0
