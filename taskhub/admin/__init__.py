"""
taskhub in Django's own admin.

A module for each model's pages, and one for each thing that they are made of. The
pages have no inline script or style, so that they work under a strict CSP.
"""

from taskhub.admin.bulk import BulkActionAdmin
from taskhub.admin.nodes import NodeAdmin
from taskhub.admin.overview import TaskMetricsAdmin
from taskhub.admin.periodic import PeriodicTaskAdmin
from taskhub.admin.quarantine import QuarantinedMessageAdmin
from taskhub.admin.queues import QueueStateAdmin
from taskhub.admin.results import TaskResultAdmin

__all__ = [
    "BulkActionAdmin",
    "NodeAdmin",
    "PeriodicTaskAdmin",
    "QuarantinedMessageAdmin",
    "QueueStateAdmin",
    "TaskMetricsAdmin",
    "TaskResultAdmin",
]
