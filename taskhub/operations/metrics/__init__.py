"""Metrics: reading what was counted, and merging old counts into coarser ones."""

from taskhub.operations.metrics.figures import read_by_queue, read_metrics

__all__ = ["read_by_queue", "read_metrics"]
