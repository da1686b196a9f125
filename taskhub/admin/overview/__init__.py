"""
The overview in the admin: how everything is, and how it went.

`pages` has the page and what it asks for while it is open; `reading` what is on it, and
`charts`, `figures`, `nodes` and `ticks` its parts.
"""

from taskhub.admin.overview.admin import TaskMetricsAdmin

__all__ = ["TaskMetricsAdmin"]
