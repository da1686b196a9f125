"""Tasks that touch the process they run in: its output, its signals, its children."""

import logging
import os
import time
from decimal import Decimal

from taskhub import Context, task
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


# Secrets.


@task(takes_context=True, masked=["card"])
def tell_odd_progress(context: Context, card):
    """Tell what is no progress, and then what is; return what was raised."""
    raised = []
    odd = [
        (float("nan"), 10),
        (float("inf"), 10),
        (Decimal("0.5"), 10),
        (1, "ten"),
        (10**400, 10),
        (1, float("-inf")),
    ]
    for done, total in odd:
        try:
            context.progress(done, total)
        except TypeError as error:
            raised.append(type(error).__name__)
    context.progress(2, 4, "rows")
    return raised


@task(takes_context=True, masked=["card"])
def report_past_the_check(context: Context, card):
    """Report what no database stores, as a fault of taskhub's own would."""
    context.report(object(), None, "")
    time.sleep(0.5)


@task(masked=["card"])
def refuse(card):
    raise ValueError("refused")


@task(masked=["card"])
async def async_refuse(card):
    raise ValueError("refused")
