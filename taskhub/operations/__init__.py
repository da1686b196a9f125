"""
What operators do, for pages, commands and the shell.

A module or package for each noun, with its verbs: `operations.queues.pause(queue)`,
`operations.results.retry(results)`.
"""

from taskhub.operations import (
    metrics,
    nodes,
    pruning,
    quarantine,
    queues,
    results,
    schedules,
    status,
)

__all__ = [
    "metrics",
    "nodes",
    "pruning",
    "quarantine",
    "queues",
    "results",
    "schedules",
    "status",
]
