"""The status of queues, nodes and schedules, for `taskstatus` and the overview."""

from taskhub.operations.status.nodes import NodeStatus
from taskhub.operations.status.queues import QueueStatus, read_depths
from taskhub.operations.status.schedules import MAX_TICK_DELAY
from taskhub.operations.status.system import SystemStatus, read_status

__all__ = [
    "MAX_TICK_DELAY",
    "NodeStatus",
    "QueueStatus",
    "SystemStatus",
    "read_depths",
    "read_status",
]
