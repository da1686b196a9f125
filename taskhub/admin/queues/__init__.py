"""Queues in the admin."""

from taskhub.admin.queues.admin import QueueStateAdmin

__all__ = ["QueueStateAdmin"]
