"""Deaths: what dead processes were running waits again, and its rows are to say so."""

from threading import Lock

from taskhub import writer
from taskhub.worker.node_options import NodeOptions

#: How often it is looked whether there are any.
DEATHS_SECONDS = 1.0


class Deaths:
    """Knows the tokens of the dead whose rows are still to be written."""

    def __init__(self, node: NodeOptions) -> None:
        self._backend = node.config.alias
        self._lock = Lock()
        self._tokens: set[str] = set()

    def add(self, token: str) -> None:
        """Note that what a token held was taken back; from any thread."""
        with self._lock:
            self._tokens.add(token)

    def look(self) -> None:
        """Write what is known. Raise a database's error if it is away; later, then."""
        with self._lock:
            tokens = set(self._tokens)
        if tokens:
            writer.write_deaths_of(tokens, self._backend)
            with self._lock:
                self._tokens -= tokens
