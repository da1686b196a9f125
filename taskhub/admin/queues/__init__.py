"""
Queues in the admin.

`pages` has the list and the pages that ask, `listing` what the list shows, `verbs` and
`forms` what can be done.
"""

from taskhub.admin.queues.admin import QueueStateAdmin

__all__ = ["QueueStateAdmin"]
