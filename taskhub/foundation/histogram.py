"""
Histograms of durations: small, merged by adding, and precise to 10 %.

All histograms have the same buckets: four for each doubling, from 0.1 milliseconds on.
A histogram is a dict of counts by bucket. As JSON, its keys are strings.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import log2
from typing import TypeVar

Histogram = dict[int, int]
Key = TypeVar("Key", int, str)

_PER_DOUBLING = 4
_FIRST_SECONDS = 0.000_1


def bucket_of(seconds: float) -> int:
    """Return the bucket of a duration."""
    if seconds <= _FIRST_SECONDS:
        return 0
    return int(log2(seconds / _FIRST_SECONDS) * _PER_DOUBLING) + 1


def merge(histograms: Iterable[Mapping[str, int]]) -> Histogram:
    """Add up histograms that were read from JSON."""
    # There may be thousands, so convert the keys after adding.
    return {int(key): count for key, count in add_up(histograms).items()}


def add_up(histograms: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    """Add up histograms whose keys have the same type."""
    total: defaultdict[Key, int] = defaultdict(int)
    for histogram in histograms:
        for key, count in histogram.items():
            total[key] += count
    return dict(total)


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """
    Return the seconds that a share of the durations, from 0 to 1, do not exceed.

    It is precise to 9 %, half the width of a bucket. Return None without durations.
    """
    total = sum(histogram.values())
    if not total:
        return None
    rank = share * total
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= rank:
            return _middle_of(bucket)
    raise AssertionError("unreachable: the last bucket has them all")


def _middle_of(bucket: int) -> float:
    if bucket == 0:
        return _FIRST_SECONDS / 2
    return float(_FIRST_SECONDS * 2 ** ((bucket - 0.5) / _PER_DOUBLING))
