"""
System checks of Django's settings, of databases and of what sites configure by path.

The backend itself checks its entry of `TASKS`. Importing this package registers all.
"""

from taskhub.checks import backends, databases, site

__all__ = ["backends", "databases", "site"]
