"""The base class of carriers."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any


class Carrier(ABC):
    """The base class of carriers. An instance is shared by all threads."""

    @abstractmethod
    def capture(self) -> Any:
        """Return the value to store, as JSON; None to store nothing."""

    @abstractmethod
    def restore(self, value: Any) -> AbstractContextManager[Any]:
        """Return a context manager in which a captured value is in effect."""
