"""Metrics: reading what was counted, and merging old counts into coarser ones."""
