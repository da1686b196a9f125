"""
Results in the admin.

`pages` has the pages; `layout` and `showing` how they look, `deleting` what it means to
delete some.
"""

from taskhub.admin.results.pages import TaskResultAdmin

__all__ = ["TaskResultAdmin"]
