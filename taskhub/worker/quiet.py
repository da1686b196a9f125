"""Whether a node is quiet: one byte that a supervisor and its children share."""

from mmap import mmap


class Quiet:
    """A flag in memory that is shared with whoever is forked later."""

    def __init__(self) -> None:
        self._byte = mmap(-1, 1)

    @property
    def is_set(self) -> bool:
        """Whether nothing new is to be taken."""
        return self._byte[0] == 1

    def set(self, value: bool) -> None:
        """Say whether nothing new is to be taken; seen by all within a moment."""
        self._byte[0] = int(value)
