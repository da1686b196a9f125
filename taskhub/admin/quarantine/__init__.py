"""Quarantined messages in the admin."""

from taskhub.admin.quarantine.admin import QuarantinedMessageAdmin

__all__ = ["QuarantinedMessageAdmin"]
