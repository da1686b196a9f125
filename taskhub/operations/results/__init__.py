"""What operators do to results."""

from taskhub.operations.results.bulk import affected, start_bulk, stop_bulk
from taskhub.operations.results.enqueue import submit, submit_again
from taskhub.operations.results.exports import export
from taskhub.operations.results.failures import read_failures
from taskhub.operations.results.lifecycle import (
    Cancelled,
    Forgotten,
    cancel,
    forget,
    retry,
)
from taskhub.operations.results.lingering import lingering_runs, still_running
from taskhub.operations.results.progress import read_progress
from taskhub.operations.results.selection import Selection

__all__ = [
    "Cancelled",
    "Forgotten",
    "Selection",
    "affected",
    "cancel",
    "export",
    "forget",
    "lingering_runs",
    "read_failures",
    "read_progress",
    "retry",
    "start_bulk",
    "still_running",
    "stop_bulk",
    "submit",
    "submit_again",
]
