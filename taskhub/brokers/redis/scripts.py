"""The Lua scripts of this package, by the names of their files."""

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
# Read at import: a deploy may replace the files while this process runs.
_SOURCES = {
    each.name.removesuffix(".lua"): _PRELUDE + each.read_text()
    for each in _FILES.iterdir()
    if each.name.endswith(".lua")
}


class Scripts:
    """Runs scripts on the current client."""

    def __init__(self, connect: Callable[[], Client], address: str) -> None:
        self._connect = connect
        self._address = address
        self._registered: dict[str, Any] = {}

    def run(self, name: str, keys: list[str], arguments: list[Any]) -> Any:
        """
        Run a script. Raise BrokerError if that fails.

        Raise QueueDamaged if a key has a wrong type.
        """
        with broker_errors(self._address, self._connect), self._key_errors(keys[0]):
            script = self._registered.get(name)
            if script is None:
                # redis-py sends the digest, or the text if the server does not know it.
                script = self._connect().register_script(_SOURCES[name])
                self._registered[name] = script
            return script(keys=keys, args=arguments)

    @contextmanager
    def _key_errors(self, key: str) -> Iterator[None]:
        """Raise QueueDamaged, with a remedy, if prelude.lua has reported DAMAGED."""
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
                "deleted or renamed; then lost messages are pushed again."
            ) from error

    def close(self) -> None:
        """Forget the scripts of the current client. The next run uses a new client."""
        self._registered.clear()
