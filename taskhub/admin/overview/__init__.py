"""
The overview in the admin: the state of the system, and its figures over time.

`content` reads all that the page shows; the other modules have its parts.
"""

from taskhub.admin.overview.admin import TaskMetricsAdmin

__all__ = ["TaskMetricsAdmin"]
