"""
taskhub in Django's admin, with a package for each model.

Code that these packages share is in `forms` and in this package's modules. The pages
have no inline script or style, to work under a strict content security policy.
"""

from taskhub.admin.bulk_actions import BulkActionAdmin
from taskhub.admin.nodes import NodeAdmin
from taskhub.admin.overview import TaskMetricsAdmin
from taskhub.admin.periodic_tasks import PeriodicTaskAdmin
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
