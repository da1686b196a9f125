"""The measures. Each module asks a question, and its function measures the answer."""

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
