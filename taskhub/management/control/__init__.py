"""
The nouns and verbs of `manage.py taskcontrol NOUN VERB NAME…`.

A module for each noun registers its verbs, each with its own parser. `verbs` has the
shared classes, and `history` writes the admin's history.
"""

from taskhub.management.control import nodes, queues, results, schedules
from taskhub.management.control.verbs import Nouns, Report

__all__ = ["Nouns", "Report", "nodes", "queues", "results", "schedules"]
