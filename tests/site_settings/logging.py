"""
The test suite's settings, with a site's own `LOGGING`.

LOGS=docs uses the configuration from the documentation. LOGS=queue sends all lines
through a queue to a thread. Otherwise, only the logger `shop` is configured.
"""

import logging
import re
from logging.handlers import QueueHandler, QueueListener
from queue import Queue

from tests.settings import *  # noqa: F403
from tests.settings import BASE_DIR, env

# This logger has no handlers, and does not use those of the root logger.
logging.getLogger("silent").propagate = False

if env.str("LOGS", default="") == "docs":
    page = (BASE_DIR / "docs" / "howto" / "deploy.md").read_text()
    (stanza,) = re.findall(r"```python\n(LOGGING = .+?)```", page, re.DOTALL)
    exec(stanza)  # noqa: S102  our own documentation
elif env.str("LOGS", default="") == "queue":
    # Large enough for all lines: a line is lost if the queue is full.
    _lines = Queue(10_000)
    _console = logging.StreamHandler()
    _console.setFormatter(logging.Formatter("[%(process)d %(name)s] %(message)s"))
    LISTENER = QueueListener(_lines, _console)
    LISTENER.start()
    LOGGING = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"queue": {"()": lambda: QueueHandler(_lines)}},
        "root": {"handlers": ["queue"], "level": "INFO"},
    }
else:
    LOGGING = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"named": {"format": "<%(name)s> %(message)s"}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "named"}
        },
        "loggers": {"shop": {"handlers": ["console"], "propagate": False}},
    }
