"""
Results in the admin.

`pages` has the pages; `layout` and `showing` how a result looks, `attempts`, `logs`,
`tracebacks` and `family` what its page is made of. `verbs` has what is done to one,
`bulk` to many: those that `selecting` reads out of the list's address; `history` tells
who did it. `failures` has them by cause.
"""

from taskhub.admin.results.admin import TaskResultAdmin

__all__ = ["TaskResultAdmin"]
