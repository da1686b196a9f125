"""The Lua scripts of this package, each run by the name of its file."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from taskhub.brokers.redis.connection import Client, broker_errors

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
        """Run a script. Raise BrokerError if it cannot be, or fails."""
        with broker_errors(self._address):
            script = self._registered.get(name)
            if script is None:
                # Sends its digest, and its text to a server that lacks it.
                script = self._connect().register_script(_SOURCES[name])
                self._registered[name] = script
            return script(keys=keys, args=arguments)

    def close(self) -> None:
        """Give up the client; the next run asks for one anew."""
        self._registered.clear()
