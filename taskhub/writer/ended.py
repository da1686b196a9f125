"""`Ended`: the end of a delivery, which a worker process hands to the writer."""

from datetime import datetime

import msgspec

from taskhub.messages import Delivery
from taskhub.models import Status
from taskhub.writer.attempts import Attempt, Logged, Outcome, Quarantined
from taskhub.writer.given_back import GivenBack


class Ended(msgspec.Struct, frozen=True):
    """
    A delivery that has ended; the end is still to be written.

    If there is no outcome, no quarantined message and no due time, the message is only
    deleted. For example, its result had finished before.
    """

    delivery: Delivery
    outcome: Outcome | None = None
    quarantined: Quarantined | None = None
    #: When its message is to be delivered again; None if it is not.
    due_again: datetime | None = None
    #: The attempt, if it ended because the database went away.
    interrupted: Attempt | None = None
    #: The logged lines that are not written yet.
    logged: Logged | None = None

    def __repr__(self) -> str:
        return f"<Ended {self.outcome or self.delivery!r}>"

    @property
    def was_interrupted(self) -> bool:
        return self.interrupted is not None

    @property
    def given_back(self) -> GivenBack | None:
        """What to write into the row if the attempt began and has no outcome."""
        if self.interrupted is None:
            return None
        return GivenBack(self.interrupted, self.due_again)

    @property
    def is_kept(self) -> bool:
        """Whether its row is kept, so that its log can be."""
        return self.outcome is None or self.outcome.is_kept

    @property
    def needs_row_check(self) -> bool:
        """Whether its row has to be read before the message is run again."""
        return (
            self.outcome is not None
            or self.delivery.redelivered
            or self.was_interrupted
        )

    @property
    def failed(self) -> bool:
        """Whether it has an outcome other than success."""
        return self.outcome is not None and self.outcome.status is not Status.SUCCESSFUL
