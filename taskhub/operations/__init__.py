"""
The actions of operators, which the admin's pages, commands and the shell use.

Each noun has a module or package with its verbs: `operations.queues.pause(queue)`,
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
    tasks,
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
    "tasks",
]
