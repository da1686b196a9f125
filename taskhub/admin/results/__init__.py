"""Results in the admin."""

from taskhub.admin.results.admin import TaskResultAdmin

__all__ = ["TaskResultAdmin"]
