"""
The permissions that a Redis user needs: every command is tried on every queue.

Redis reports a missing permission only when a command is run, and a script does not say
which of its commands is refused. So each is run alone, on temporary keys.
"""

from collections.abc import Sequence
from typing import Any

import redis

from taskhub.brokers.redis.connection import Client

#: The commands of taskhub that name a key, with their other arguments, by the type of
#: the key. Their order matters: some read what earlier ones have written.
ON_KEYS: dict[str, Sequence[tuple[Any, ...]]] = {
    "hash": (
        ("HSET", "field", 1),
        ("HSETNX", "field", 1),
        ("HGET", "field"),
        ("HEXISTS", "field"),
        ("HLEN",),
        ("HSCAN", 0),
        ("TYPE",),
        ("HDEL", "field"),
    ),
    "zset": (
        ("ZADD", 1, "member"),
        ("ZSCORE", "member"),
        ("ZMSCORE", "member"),
        ("ZRANK", "member"),
        ("ZCARD",),
        ("ZRANGE", 0, 0),
        ("ZRANGEBYSCORE", 0, 0),
        ("ZPOPMIN",),
        ("ZREM", "member"),
    ),
    "list": (
        ("LPUSH", 1),
        ("LLEN",),
        ("BLPOP", 0.01),
    ),
    "string": (
        ("SET", 1),
        ("SETNX", 1),
        ("GET",),
        ("EXISTS",),
        ("DEL",),
    ),
}
_SCRIPT = "return 1"
#: The SHA-1 digest of _SCRIPT.
_DIGEST = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"


def rule_of(command: str) -> str:
    """Return the ACL rule that permits a command."""
    return f"+{command.lower().replace(' ', '|')}"


class Refused:
    """The commands and keys that a user is refused."""

    def __init__(self, client: Client) -> None:
        self._client: Any = client
        self.commands: list[str] = []
        self.keys: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.commands or self.keys)

    @property
    def rules(self) -> str:
        """The missing rules, as arguments of ACL SETUSER."""
        patterns = [f"~{pattern}" for pattern in self.keys]
        return " ".join([*map(rule_of, self.commands), *patterns])

    def try_queue(self, base: str, pattern: str) -> None:
        """Try all commands on keys of one queue, which `pattern` matches."""
        pipe = self._client.pipeline(transaction=False)
        names = []
        for kind, commands in ON_KEYS.items():
            for name, *arguments in commands:
                pipe.execute_command(name, f"{base}:check-{kind}", *arguments)
                names.append(name)
        for name, answer in zip(names, pipe.execute(raise_on_error=False), strict=True):
            self._note(name, answer, pattern)

    def try_command(self, name: str, *arguments: Any) -> Any:
        """Try a command that names no key; return its reply, or None."""
        try:
            return self._client.execute_command(*name.split(), *arguments)
        except redis.exceptions.NoPermissionError as error:
            self._note(name, error, "")
        return None

    def try_scripts(self) -> None:
        """Try to load and to run a script."""
        self.try_command("SCRIPT LOAD", _SCRIPT)
        try:
            self.try_command("EVALSHA", _DIGEST, 0)
        except redis.exceptions.NoScriptError:
            # The user may run scripts. This one could not be loaded; see above.
            return

    def _note(self, name: str, answer: object, pattern: str) -> None:
        if not isinstance(answer, Exception):
            return
        if not isinstance(answer, redis.exceptions.NoPermissionError):
            raise answer
        # "… to run the 'hset' command", or "… to access one of the keys".
        refused, entry = (
            (self.commands, name) if "command" in str(answer) else (self.keys, pattern)
        )
        if entry not in refused:
            refused.append(entry)
