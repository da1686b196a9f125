"""The loggers of tasks: those of Python, whose lines taskhub stores with results."""

import logging


def get_logger(name: str) -> logging.Logger:
    """Return a logger."""
    return logging.getLogger(name)


def get_task_logger(name: str) -> logging.Logger:
    """Return a logger. What a task logs is stored with its result."""
    return logging.getLogger(name)
