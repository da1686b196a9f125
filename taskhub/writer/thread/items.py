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
    What was counted a moment ago, to be written with the next group.

    Handed in it is empty, and filled when it is collected: what is handed in behind the
    end is never collected, and must take nothing from the tally.
    """

    rows: list[TaskMetrics] = []


class Watched(msgspec.Struct, frozen=True):
    """Runs of which it is asked whether somebody has cancelled them."""

    ids: list[UUID]


#: What is handed in. An event is set when all before it is written.
Item = Ended | Attempt | GivenBack | Progress | Logged | Numbers | Watched | Event
