"""Tasks that touch the process they run in: its output, its signals, its children."""

import logging
import os

from taskhub import task
from tests.tasks import wait_for_file

logger = logging.getLogger(__name__)


# Output.


@task
def say(text):
    """Log a line to each kind of logger there is."""
    logging.getLogger("plain").error("plain: %s", text)
    logging.getLogger("silent").error("silent: %s", text)
    logging.getLogger("shop").error("shop: %s", text)


@task
def configure_and_say(text):
    """Configure logging as a script would, and log a line."""
    logging.basicConfig(format="configured %(message)s", level=logging.INFO)
    logger.info("basic: %s", text)


@task
def print_and_wait(text, gate):
    """Print a line and a piece of one, and run until a test makes a file."""
    print(f"{text} printed")
    print(f"{text} not ended", end="")
    wait_for_file(gate)


@task(hard_timeout=0.5)
def print_and_hang(text):
    print(f"{text} not ended", end="")
    os.read(os.pipe()[0], 1)
