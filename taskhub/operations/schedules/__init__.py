"""What operators and beats do to periodic tasks."""

from taskhub.operations.schedules.actions import (
    backfill,
    disable,
    enable,
    run_now,
    skip_next,
    ticks_to_backfill,
)
from taskhub.operations.schedules.declared import Synchronised, synchronise
from taskhub.operations.schedules.runs import PendingRun, make_run
from taskhub.operations.schedules.validation import validate

__all__ = [
    "PendingRun",
    "Synchronised",
    "backfill",
    "disable",
    "enable",
    "make_run",
    "run_now",
    "skip_next",
    "synchronise",
    "ticks_to_backfill",
    "validate",
]
