"""What operators do to results."""

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

__all__ = [
    "Cancelled",
    "Forgotten",
    "Selection",
    "affected",
    "cancel",
    "exporting",
    "failures",
    "following",
    "forget",
    "lingering_runs",
    "retry",
    "start_bulk",
    "still_running",
    "stop_bulk",
    "submit",
    "submit_again",
]
