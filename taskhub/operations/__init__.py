"""
The one door for operators: what pages, commands and the shell do.

A module for each thing that something is done to.
"""

from taskhub.operations.declared import Synchronised, synchronise_schedules
from taskhub.operations.pruning import Retention, prune
from taskhub.operations.results import Cancelled, Forgotten, cancel, forget, retry
from taskhub.operations.schedules import (
    backfill,
    disable,
    enable,
    make_run,
    run_now,
    skip_next,
    ticks_to_backfill,
    validate,
)
from taskhub.operations.status import Status, read_status

__all__ = [
    "Cancelled",
    "Forgotten",
    "Retention",
    "Status",
    "Synchronised",
    "backfill",
    "cancel",
    "disable",
    "enable",
    "forget",
    "make_run",
    "prune",
    "read_status",
    "retry",
    "run_now",
    "skip_next",
    "synchronise_schedules",
    "ticks_to_backfill",
    "validate",
]
