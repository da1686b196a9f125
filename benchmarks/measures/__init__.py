"""The measures. Each module has a question, and a function that measures the answer."""

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
