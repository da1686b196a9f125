"""
The models, and the queries and writes of their tables.

`results` has the central table, with one row for each enqueued task, and `periodic` the
schedules. `queues` has paused queues, leases of worker processes and quarantined
messages; `nodes` has the nodes. `named_leases` decides which node does the work that
only one node does at a time. `bulk` has actions on many results. `logs` and `metrics`
can be emptied without losing a task.
"""

from taskhub.models.bulk import BulkAction
from taskhub.models.logs import TaskLog
from taskhub.models.metrics import QueueDepth, TaskMetrics
from taskhub.models.named_leases import NamedLease
from taskhub.models.nodes import Node
from taskhub.models.periodic.columns import MissedRuns, Overlap
from taskhub.models.periodic.periodic_task import PeriodicTask
from taskhub.models.queues import Lease, QuarantinedMessage, QueueState
from taskhub.models.results.querysets import Stats, TaskResultQuerySet
from taskhub.models.results.statuses import Place, Status
from taskhub.models.results.task_result import TaskResult

__all__ = [
    "BulkAction",
    "Lease",
    "MissedRuns",
    "NamedLease",
    "Node",
    "Overlap",
    "PeriodicTask",
    "Place",
    "QuarantinedMessage",
    "QueueDepth",
    "QueueState",
    "Stats",
    "Status",
    "TaskLog",
    "TaskMetrics",
    "TaskResult",
    "TaskResultQuerySet",
]
