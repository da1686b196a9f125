"""`Ended`: what a worker process hands to the writer when a delivery is done."""

from datetime import datetime

import msgspec

from taskhub.messages import Delivery
from taskhub.models import Status
from taskhub.writer.attempts import Attempt, Logged, Outcome, Quarantined
from taskhub.writer.given_back import GivenBack


class Ended(msgspec.Struct, frozen=True):
    """
    A delivery with which there is nothing more to do than to write how it ended.

    With neither an outcome nor a quarantine, it was finished before.
    """

    delivery: Delivery
    outcome: Outcome | None = None
    quarantined: Quarantined | None = None
    #: When its message is to be handed out again, if it is.
    due_again: datetime | None = None
    #: The attempt, if the database went away under it.
    interrupted: Attempt | None = None
    #: What it has logged, and is not written yet.
    logged: Logged | None = None

    def __repr__(self) -> str:
        return f"<Ended {self.outcome or self.delivery!r}>"

    @property
    def was_interrupted(self) -> bool:
        """Whether the database went away under it."""
        return self.interrupted is not None

    @property
    def given_back(self) -> GivenBack | None:
        """What its row is to say if it was begun, and has no outcome."""
        if self.interrupted is None:
            return None
        return GivenBack(self.interrupted, self.due_again)

    @property
    def is_kept(self) -> bool:
        """Whether its row stays, so that there is something for its log to be of."""
        return self.outcome is None or self.outcome.is_kept

    @property
    def was_started(self) -> bool:
        """Whether its row has to be looked at before it is run again."""
        return (
            self.outcome is not None
            or self.delivery.redelivered
            or self.was_interrupted
        )

    @property
    def failed(self) -> bool:
        """Whether the task was run, and raised."""
        return self.outcome is not None and self.outcome.status is not Status.SUCCESSFUL
