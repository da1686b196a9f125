"""
What `manage.py taskcontrol` can do: `taskcontrol NOUN VERB NAME…`.

A module for each noun registers its verbs, each with a parser of its own. `verbs` has
what they share, and `history` writes the admin's history.
"""

from taskhub.management.control import nodes, queues, results, schedules
from taskhub.management.control.verbs import Nouns, Report

__all__ = ["Nouns", "Report", "nodes", "queues", "results", "schedules"]
