"""The Lua scripts of this package, each run by the name of its file."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import redis

from taskhub.brokers.redis.connection import Client, broker_errors
from taskhub.exceptions import QueueDamaged

_DAMAGED = re.compile(r"DAMAGED (\S+) (\w+)")

_FILES = files(__package__)
_PRELUDE = (_FILES / "prelude.lua").read_text()
# Read with the code that calls them: a deploy may replace both while this runs.
_SOURCES = {
    each.name.removesuffix(".lua"): _PRELUDE + each.read_text()
    for each in _FILES.iterdir()
    if each.name.endswith(".lua")
}


class Scripts:
    """Runs scripts on whichever client there is now."""

    def __init__(self, connect: Callable[[], Client], address: str) -> None:
        self._connect = connect
        self._address = address
        self._registered: dict[str, Any] = {}

    def run(self, name: str, keys: list[str], arguments: list[Any]) -> Any:
        """
        Run a script.

        Raise QueueDamaged if one of the keys has another type than its name says, and
        BrokerError if the script cannot be run, or fails.
        """
        with broker_errors(self._address, self._connect), self._key_errors(keys[0]):
            script = self._registered.get(name)
            if script is None:
                # Sends its digest, and its text to a server that lacks it.
                script = self._connect().register_script(_SOURCES[name])
                self._registered[name] = script
            return script(keys=keys, args=arguments)

    @contextmanager
    def _key_errors(self, key: str) -> Iterator[None]:
        """Turn what prelude.lua says of a key into an error that tells what to do."""
        try:
            yield
        except redis.ResponseError as error:
            found = _DAMAGED.search(str(error))
            if found is None:
                raise
            wrong = key[: key.index("}:") + 2] + found[1]
            raise QueueDamaged(
                f"Redis at {self._address}: the key {wrong} is a {found[2]}, which "
                "taskhub has not written. Its queue cannot be used until that key is "
                "deleted or renamed; what was lost with it is pushed again then."
            ) from error

    def close(self) -> None:
        """Give up the client; the next run asks for one anew."""
        self._registered.clear()
