"""
Periodic tasks in the admin.

`pages` has the pages; `form` and `schedule_form` what is written, `preview` and
`upcoming` what it means, `layout` and `showing` how it looks, `verbs`, `operating` and
`backfilling` what can be done.
"""

from taskhub.admin.periodic.pages import PeriodicTaskAdmin

__all__ = ["PeriodicTaskAdmin"]
