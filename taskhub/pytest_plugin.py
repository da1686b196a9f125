"""
The pytest plugin: the fixture `taskhub`.

pytest loads this module in every run of the environment, before it measures coverage.
So it imports pytest only; `-p no:taskhub` switches it off.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from taskhub.testing import TaskHub


@pytest.fixture
def taskhub(db: None) -> "TaskHub":
    """The kit that runs and inspects tasks; the test has access to the database."""
    from taskhub.testing import TaskHub

    return TaskHub()
