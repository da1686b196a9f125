"""
What taskhub keeps in the database.

`results` has the one table that matters: what was asked for and what became of it.
`periodic` has what schedules fire, and when.
`queues` has what the brokers need beside it, `nodes` who works, `logs` and `metrics`
what was said and counted meanwhile; these can be emptied without losing a task.
`bulk` has what is being done to many results at once, `filters` what people look for.
"""

from taskhub.models.bulk import BulkAction
from taskhub.models.filters import SavedFilter
from taskhub.models.logs import TaskLog
from taskhub.models.metrics import QueueDepth, TaskMetrics
from taskhub.models.nodes import Node, Turn
from taskhub.models.periodic.columns import MissedRuns, Overlap
from taskhub.models.periodic.periodic_task import PeriodicTask
from taskhub.models.queues import Lease, QuarantinedMessage, QueueState
from taskhub.models.results.querysets import Stats, TaskResultQuerySet
from taskhub.models.results.task_result import Place, Status, TaskResult

__all__ = [
    "BulkAction",
    "Lease",
    "MissedRuns",
    "Node",
    "Overlap",
    "PeriodicTask",
    "Place",
    "QuarantinedMessage",
    "QueueDepth",
    "QueueState",
    "SavedFilter",
    "Stats",
    "Status",
    "TaskLog",
    "TaskMetrics",
    "TaskResult",
    "TaskResultQuerySet",
    "Turn",
]
