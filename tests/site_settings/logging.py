"""
The test suite's settings, with a site's own `LOGGING`.

With LOGS=docs, the one that the documentation proposes; with LOGS=queue, one whose
lines go through a queue to a thread; otherwise one that has a logger of its own, and
says nothing of the rest.
"""

import logging
import re
from logging.handlers import QueueHandler, QueueListener
from queue import Queue

from tests.settings import *  # noqa: F403
from tests.settings import BASE_DIR, env

# It has no handlers, and none above it.
logging.getLogger("silent").propagate = False

if env.str("LOGS", default="") == "docs":
    page = (BASE_DIR / "docs" / "howto" / "deploy.md").read_text()
    (stanza,) = re.findall(r"```python\n(LOGGING = .+?)```", page, re.DOTALL)
    exec(stanza)  # noqa: S102  our own documentation
elif env.str("LOGS", default="") == "queue":
    # With room for all: what finds it full is lost, as the site would want.
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
