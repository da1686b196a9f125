"""Histograms of durations."""

import statistics

from hypothesis import given
from hypothesis import strategies as st

from taskhub.foundation.histogram import bucket_of, merge, percentile

DURATIONS = st.floats(min_value=0.001, max_value=100_000)


def histogram(durations):
    return merge({str(bucket_of(each)): 1} for each in durations)


@given(st.lists(DURATIONS, min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_accurate_to_ten_percent(durations, share):
    rank = max(0, -(-share * len(durations) // 1) - 1)
    exact = sorted(durations)[int(rank)]

    assert abs(percentile(histogram(durations), share) / exact - 1) < 0.1


@given(st.lists(DURATIONS), st.lists(DURATIONS))
def test_merged_histograms_equal_one_histogram_of_all_values(some, others):
    def as_json(counts):
        return {str(bucket): count for bucket, count in counts.items()}

    both = merge([as_json(histogram(some)), as_json(histogram(others))])

    assert both == histogram(some + others)


def test_the_median_of_many_durations():
    durations = [0.001 * n for n in range(1, 1000)]

    median = percentile(histogram(durations), 0.5)

    assert abs(median / statistics.median(durations) - 1) < 0.1


def test_an_empty_histogram_has_no_percentile():
    assert percentile({}, 0.5) is None


def test_a_negative_duration_counts_as_zero():
    assert bucket_of(-3.0) == bucket_of(0.0) == 0
