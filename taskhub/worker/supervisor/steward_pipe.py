"""The supervisor's pipe to its steward."""

import logging
import os

from taskhub.worker.supervisor.children import Child

logger = logging.getLogger(__name__)


class StewardPipe:
    """Tells the steward which worker processes live; closing it stops the steward."""

    def __init__(self) -> None:
        self._writing_end: int | None = None

    def renew(self) -> int:
        """Open a pipe for a new steward, and return the reading end."""
        self.close()
        reading_end, self._writing_end = os.pipe()
        return reading_end

    def close(self) -> None:
        if self._writing_end is not None:
            os.close(self._writing_end)
            self._writing_end = None

    def tell(self, kind: str, child: Child) -> None:
        """Write that a worker process LIVES or has DIED."""
        if self._writing_end is None:
            return
        try:
            os.write(self._writing_end, f"{kind} {child.token} {child.pid}\n".encode())
        except BrokenPipeError:
            # The steward has died. Its successor takes messages back when leases end.
            logger.warning("The steward did not hear that %s %s.", kind, child.token)
