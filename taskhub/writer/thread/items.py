"""What is handed in to the group writer."""

from threading import Event
from uuid import UUID

import msgspec

from taskhub.models import TaskMetrics
from taskhub.writer.attempts import Attempt, Logged, Progress
from taskhub.writer.ended import Ended
from taskhub.writer.given_back import GivenBack


class Numbers(msgspec.Struct, frozen=True):
    """
    Metrics to be written with the next group.

    It is handed in empty, and filled from the tally when it is collected. After the end
    mark, it is never collected, and takes nothing from the tally.
    """

    rows: list[TaskMetrics] = []


class CancellationCheck(msgspec.Struct, frozen=True):
    """Results to be checked for cancellation."""

    ids: list[UUID]


#: An event is set when everything before it is written.
Item = (
    Ended
    | Attempt
    | GivenBack
    | Progress
    | Logged
    | Numbers
    | CancellationCheck
    | Event
)
