"""Figures of benchmarks, as the page shows them."""

import pytest

from benchmarks.page import table
from benchmarks.report import Figure


def figure(value: float, **bound: float) -> Figure:
    return Figure(name="speed", unit="/ s", rounds=[value], **bound)


@pytest.mark.parametrize(
    ("value", "bound", "row"),
    [
        (0.8996, {"at_least": 0.9}, "≥ 0.9 / s | 0.8996 / s: **missed**"),
        (0.89996, {"at_least": 0.9}, "≥ 0.9 / s | 0.89996 / s: **missed**"),
        (1399.8, {"at_least": 1400}, "≥ 1,400 / s | 1,399.8 / s: **missed**"),
        (150.4, {"at_most": 150}, "≤ 150 / s | 150.4 / s: **missed**"),
        (0.835, {"at_least": 0.9}, "≥ 0.9 / s | 0.835 / s: **missed**"),
        (0.9004, {"at_least": 0.9}, "≥ 0.9 / s | 0.9 / s"),
        (0.9, {"at_least": 0.9}, "≥ 0.9 / s | 0.9 / s"),
        (12.3456, {}, "| 12.3 / s"),
    ],
)
def test_rounding_does_not_hide_a_missed_bound(value, bound, row):
    assert f"{row} |" in table([figure(value, **bound)])
