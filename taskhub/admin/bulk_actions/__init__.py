"""Bulk actions in the admin."""

from taskhub.admin.bulk_actions.admin import BulkActionAdmin

__all__ = ["BulkActionAdmin"]
