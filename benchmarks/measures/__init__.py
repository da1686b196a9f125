"""The measures: a module for each question, a function for each answer."""

from benchmarks.measures import (
    backlog,
    counting,
    enqueueing,
    fairness,
    finishing,
    growth,
    history,
    idling,
    latency,
    limits,
    pages,
)

__all__ = [
    "backlog",
    "counting",
    "enqueueing",
    "fairness",
    "finishing",
    "growth",
    "history",
    "idling",
    "latency",
    "limits",
    "pages",
]
