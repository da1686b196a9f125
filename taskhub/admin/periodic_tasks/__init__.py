"""Periodic tasks in the admin."""

from taskhub.admin.periodic_tasks.admin import PeriodicTaskAdmin

__all__ = ["PeriodicTaskAdmin"]
