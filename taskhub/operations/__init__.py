"""
The one door for operators: what pages, commands and the shell do.

A module for each thing that something is done to.
"""

from taskhub.operations import saved_filters
from taskhub.operations.metrics import reading as metrics
from taskhub.operations.nodes import awake, quiet, resize, stop
from taskhub.operations.pruning import Retention, describe_kept, prune
from taskhub.operations.quarantine import inspect_quarantined, push_quarantined
from taskhub.operations.queues import Queue, drain, move, pause, purge, resume
from taskhub.operations.results import exporting, failures, following
from taskhub.operations.results.bulk import affected, start_bulk, stop_bulk
from taskhub.operations.results.lifecycle import (
    Cancelled,
    Forgotten,
    cancel,
    forget,
    retry,
)
from taskhub.operations.results.lingering import lingering_runs, still_running
from taskhub.operations.results.selection import Selection
from taskhub.operations.results.submitting import submit, submit_again
from taskhub.operations.schedules.actions import (
    backfill,
    disable,
    enable,
    make_run,
    run_now,
    skip_next,
    ticks_to_backfill,
    validate,
)
from taskhub.operations.schedules.declared import Synchronised, synchronise_schedules
from taskhub.operations.status import Status, read_status

__all__ = [
    "Cancelled",
    "Forgotten",
    "Queue",
    "Retention",
    "Selection",
    "Status",
    "Synchronised",
    "affected",
    "awake",
    "backfill",
    "cancel",
    "describe_kept",
    "disable",
    "drain",
    "enable",
    "exporting",
    "failures",
    "following",
    "forget",
    "inspect_quarantined",
    "lingering_runs",
    "make_run",
    "metrics",
    "move",
    "pause",
    "prune",
    "purge",
    "push_quarantined",
    "quiet",
    "read_status",
    "resize",
    "resume",
    "retry",
    "run_now",
    "saved_filters",
    "skip_next",
    "start_bulk",
    "still_running",
    "stop",
    "stop_bulk",
    "submit",
    "submit_again",
    "synchronise_schedules",
    "ticks_to_backfill",
    "validate",
]
