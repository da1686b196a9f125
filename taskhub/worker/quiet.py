"""Whether a node is quiet: a byte that a supervisor and its children share."""

from mmap import mmap


class Quiet:
    """A flag in memory that this process shares with those that it forks later."""

    def __init__(self) -> None:
        self._byte = mmap(-1, 1)

    @property
    def is_set(self) -> bool:
        """Whether no new messages are to be taken."""
        return self._byte[0] == 1

    def set(self, value: bool) -> None:
        self._byte[0] = int(value)
