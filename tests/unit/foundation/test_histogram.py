"""Histograms of durations."""

import statistics

from hypothesis import given
from hypothesis import strategies as st

from taskhub.foundation.histogram import bucket_of, merge, percentile

DURATIONS = st.floats(min_value=0.001, max_value=100_000)


def histogram(durations):
    return merge({str(bucket_of(each)): 1} for each in durations)


@given(st.lists(DURATIONS, min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_within_a_tenth(durations, share):
    rank = max(0, -(-share * len(durations) // 1) - 1)
    exact = sorted(durations)[int(rank)]

    assert abs(percentile(histogram(durations), share) / exact - 1) < 0.1


@given(st.lists(DURATIONS), st.lists(DURATIONS))
def test_merged_is_as_if_counted_together(some, others):
    def as_json(counts):
        return {str(bucket): count for bucket, count in counts.items()}

    both = merge([as_json(histogram(some)), as_json(histogram(others))])

    assert both == histogram(some + others)


def test_the_median_of_many():
    durations = [0.001 * n for n in range(1, 1000)]

    median = percentile(histogram(durations), 0.5)

    assert abs(median / statistics.median(durations) - 1) < 0.1


def test_nothing_has_no_percentile():
    assert percentile({}, 0.5) is None


def test_clocks_that_disagree_are_no_time_at_all():
    assert bucket_of(-3.0) == bucket_of(0.0) == 0
