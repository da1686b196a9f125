"""Isolation: undoing what tasks do to the worker process that runs them."""
