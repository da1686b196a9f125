"""How long to wait before a retry."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub.exceptions import InvalidOption
from taskhub.retries import WORKER_DIED, exponential, fixed, pause_of
from taskhub.tasks import Result
from tests import tasks
from tests.factories import TaskResultFactory


def after(failures: int, **entry) -> Result:
    """Return a result with the given number of failures."""
    row = TaskResultFactory.build(failed=True)
    row.errors = [row.errors[0] | entry] * failures
    return Result.from_row(tasks.add, row)


def test_a_fixed_pause_is_always_the_same():
    backoff = fixed(minutes=1, seconds=30)

    pauses = [pause_of(backoff, ValueError(), after(number)) for number in (1, 2, 9)]

    assert pauses == [timedelta(seconds=90)] * 3


def test_an_exponential_pause_grows_to_its_cap():
    backoff = exponential(seconds=2, cap=timedelta(seconds=15), jitter=False)

    pauses = [backoff(ValueError(), after(number)) for number in range(1, 6)]

    assert [pause.total_seconds() for pause in pauses] == [2, 4, 8, 15, 15]


def test_deaths_and_failures_before_a_manual_retry_do_not_count():
    backoff = exponential(seconds=2, jitter=False)

    assert after(3).failures == 3
    for entry in ({"before_retry": True}, {"exception_class_path": WORKER_DIED}):
        result = after(3, **entry)
        assert (len(result.errors), result.failures) == (3, 0)
        assert backoff(ValueError(), result) == timedelta(seconds=2)


def test_small_factors_reach_the_cap_and_large_ones_do_not_overflow():
    cap = timedelta(hours=1)
    slow = exponential(seconds=1, factor=1.01, cap=cap, jitter=False)
    fast = exponential(seconds=1, factor=1e300, cap=cap, jitter=False)

    assert slow(ValueError(), after(200)) > timedelta(seconds=7)
    assert slow(ValueError(), after(1_000)) == cap
    assert fast(ValueError(), after(1_000)) == cap


@given(st.integers(1, 1_000), st.floats(1, 1e100), st.floats(0.001, 3600))
def test_jitter_shortens_a_pause_by_at_most_half(failures, factor, seconds):
    whole = exponential(seconds=seconds, factor=factor, jitter=False)
    jittered = exponential(seconds=seconds, factor=factor)

    longest = whole(ValueError(), after(failures))

    assert longest <= timedelta(hours=1)
    assert longest / 2 <= jittered(ValueError(), after(failures)) <= longest


def test_a_callable_backoff_gets_the_exception_and_the_result():
    error = ValueError("429")
    seen = []

    result = after(1)
    pause = pause_of(lambda *given: seen.append(given) or 7, error, result)

    assert pause == timedelta(seconds=7)
    assert seen == [(error, result)]


@pytest.mark.parametrize("answer", [None, "5", True, object(), float("nan")])
def test_a_callable_backoff_must_return_a_duration(answer):
    with pytest.raises(TypeError, match="expected a timedelta or seconds"):
        pause_of(lambda error, result: answer, ValueError(), after(1))


@pytest.mark.parametrize(
    "answer", [-5, 1e300, float("inf"), float("-inf"), timedelta(days=9**5)]
)
def test_a_pause_is_limited_to_between_zero_and_a_year(answer):
    pause = pause_of(lambda error, result: answer, ValueError(), after(1))

    assert timedelta(0) <= pause <= timedelta(days=366)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: fixed(seconds=-1),
        lambda: fixed(days=400),
        lambda: exponential(seconds=0),
        lambda: exponential(factor=0.5),
        lambda: exponential(factor=float("nan")),
        lambda: exponential(factor=float("inf")),
        lambda: exponential(seconds=float("nan")),
        lambda: fixed(hours=float("inf")),
        lambda: exponential(seconds=9, cap=timedelta(seconds=3)),
    ],
)
def test_a_backoff_with_invalid_values_is_refused(wrong):
    with pytest.raises(InvalidOption):
        wrong()
