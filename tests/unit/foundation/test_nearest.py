"""Error messages that suggest the nearest known name."""

import pytest

from taskhub.foundation.nearest import did_you_mean


@pytest.mark.parametrize(
    ("name", "known", "end"),
    [
        ("mial", ["mail", "default"], "; did you mean 'mail'?"),
        (
            "send",
            ["shop.tasks.send", "shop.tasks.add"],
            "; did you mean 'shop.tasks.se",
        ),
        ("zzz", ["mail", "default"], "; expected one of: default, mail."),
        ("zzz", [f"queue-{number}" for number in range(9)], "."),
        ("zzz", [], "."),
    ],
)
def test_an_error_ends_with_a_suggestion_if_there_is_one(name, known, end):
    assert did_you_mean(name, known).startswith(end)
