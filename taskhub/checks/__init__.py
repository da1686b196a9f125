"""
System checks of Django's settings, of databases, of tasks and of what sites configure.

The backend itself checks its entry of `TASKS`. Importing this package registers all.
"""

from taskhub.checks import arguments, backends, databases, site

__all__ = ["arguments", "backends", "databases", "site"]
