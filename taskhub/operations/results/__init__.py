"""What operators do to results."""

from taskhub.operations.results.bulk import affected, start_bulk, stop_bulk
from taskhub.operations.results.enqueue import enqueue, enqueue_again
from taskhub.operations.results.exports import export
from taskhub.operations.results.failures import read_failures
from taskhub.operations.results.lifecycle import (
    Cancelled,
    Deleted,
    cancel,
    decide,
    delete,
    retry,
)
from taskhub.operations.results.lingering import lingering_runs, still_running
from taskhub.operations.results.progress import read_progress
from taskhub.operations.results.selection import Selection
from taskhub.operations.results.stalled import stalled_runs

__all__ = [
    "Cancelled",
    "Deleted",
    "Selection",
    "affected",
    "cancel",
    "decide",
    "delete",
    "enqueue",
    "enqueue_again",
    "export",
    "lingering_runs",
    "read_failures",
    "read_progress",
    "retry",
    "stalled_runs",
    "start_bulk",
    "still_running",
    "stop_bulk",
]
