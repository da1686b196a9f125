"""The search for messages that are astray: with a body and without a place."""

from collections.abc import Callable, Collection
from uuid import UUID

from taskhub.brokers.redis.encoding import batches, to_text
from taskhub.brokers.redis.keys import Keys
from taskhub.brokers.redis.scripts import Scripts

#: About how many bodies one script checks.
_PAGE_SIZE = 200
#: How many scripts one search runs at most.
_MAX_PAGES = 50
_START = b"0"


class AstraySearch:
    """Searches the bodies of queues, each from where the last search has stopped."""

    def __init__(self, scripts: Scripts, keys: Callable[[str], Keys]) -> None:
        self._scripts = scripts
        self._keys = keys
        self._positions: dict[str, bytes] = {}

    def among(self, queue_name: str, ids: Collection[UUID]) -> set[str]:
        """Return which of these ids are astray."""
        places = self._keys(queue_name).places
        return {
            to_text(raw_id)
            for batch in batches([str(each) for each in ids])
            for raw_id in self._scripts.run("astray", places, [0, 0, *batch])[1]
        }

    def next(self, queue_name: str) -> set[str]:
        """Search the next 10,000 bodies or so; return the ids that are astray."""
        places = self._keys(queue_name).places
        found: set[str] = set()
        position = self._positions.get(queue_name, _START)
        for _ in range(_MAX_PAGES):
            position, ids = self._scripts.run("astray", places, [position, _PAGE_SIZE])
            found.update(map(to_text, ids))
            if position == _START:
                break
        self._positions[queue_name] = position
        return found
