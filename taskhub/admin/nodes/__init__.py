"""
Nodes in the admin.

`pages` has the pages, `states` how a node is in a word, `operating` and `verbs` what
can be done.
"""

from taskhub.admin.nodes.admin import NodeAdmin

__all__ = ["NodeAdmin"]
