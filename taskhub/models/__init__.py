"""
What taskhub keeps in the database.

`results` has the one table that matters: what was asked for and what became of it.
`periodic` has what schedules fire, and when.
`queues` has what the brokers need beside it, `nodes` who works; both can be emptied
without losing a task.
"""

from taskhub.models.nodes import Node, Turn
from taskhub.models.periodic import MissedRuns, Overlap, PeriodicTask
from taskhub.models.querysets import Stats, TaskResultQuerySet
from taskhub.models.queues import Lease, QuarantinedMessage
from taskhub.models.results import Place, Status, TaskResult

__all__ = [
    "Lease",
    "MissedRuns",
    "Node",
    "Overlap",
    "PeriodicTask",
    "Place",
    "QuarantinedMessage",
    "Stats",
    "Status",
    "TaskResult",
    "TaskResultQuerySet",
    "Turn",
]
