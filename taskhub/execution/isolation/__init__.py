"""Keeping a process as it was, whatever the tasks that it runs do to it."""
