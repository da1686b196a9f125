"""Read metrics, and merge old ones into longer spans."""

from taskhub.operations.metrics.figures import read_by_queue, read_metrics

__all__ = ["read_by_queue", "read_metrics"]
