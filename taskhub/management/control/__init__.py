"""
What `manage.py taskcontrol` can do, each by one of the operations.

A module for each thing that something is done to; `control` says what they have in
common, and `history` writes down who has done it.
"""

from taskhub.management.control import nodes, queues, results
from taskhub.management.control.control import Control, Told

#: By the word on the command line, in the order in which they are told of.
CONTROLS: dict[str, Control] = {
    **queues.CONTROLS,
    **nodes.CONTROLS,
    **results.CONTROLS,
}

__all__ = ["CONTROLS", "Control", "Told"]
