"""Records the deaths of worker processes in the rows that they were running."""

from threading import Lock

from taskhub import writer
from taskhub.worker.node_options import NodeOptions


class Deaths:
    """Knows the tokens of dead processes until their rows are written."""

    def __init__(self, node: NodeOptions) -> None:
        self._backend = node.config.alias
        self._lock = Lock()
        self._tokens: set[str] = set()

    def add(self, token: str) -> None:
        """Note that the messages of a token were taken back; from any thread."""
        with self._lock:
            self._tokens.add(token)

    def record(self) -> None:
        """Write the rows. If the database is away, raise its error; then call again."""
        with self._lock:
            tokens = set(self._tokens)
        if tokens:
            writer.write_deaths_of(tokens, self._backend)
            with self._lock:
                self._tokens -= tokens
