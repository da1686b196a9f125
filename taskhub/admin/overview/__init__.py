"""
The overview in the admin: the state of the system, and its metrics over time.

`content` reads everything that the page shows, with the other modules for its parts.
"""

from taskhub.admin.overview.admin import TaskMetricsAdmin

__all__ = ["TaskMetricsAdmin"]
