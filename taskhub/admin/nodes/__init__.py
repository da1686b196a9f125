"""Nodes in the admin."""

from taskhub.admin.nodes.admin import NodeAdmin

__all__ = ["NodeAdmin"]
