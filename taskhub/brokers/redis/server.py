"""Checks of a server and its user."""

from collections.abc import Iterator, Sequence
from typing import Any

import redis

from taskhub.brokers.redis.connection import Client, login_of, masked
from taskhub.brokers.redis.permissions import Refused, rule_of
from taskhub.conf import Options
from taskhub.exceptions import BrokerError, NotPermitted

#: The first version with ZMSCORE.
MIN_VERSION = (6, 2)
#: Optional commands, and what taskhub cannot do without them.
_WITHOUT = {
    "INFO": "taskhub does not notice when a server comes back with an older state",
}


def check_server(client: Client, options: Options, bases: Sequence[str]) -> list[str]:
    """
    Try every command on keys that begin with each of `bases`.

    Return a sentence for each optional command that is not permitted. Raise BrokerError
    if the server is too old, and NotPermitted if another command is not permitted.
    """
    address = masked(options.broker_url)
    user = login_of(options.broker_url).get("username", "default")
    refused, optional = Refused(client), Refused(client)
    _check_versions(optional.try_command("INFO", "server"), address)
    refused.try_command("TIME")
    refused.try_scripts()
    for base in bases:
        refused.try_queue(base, f"{options.key_prefix}:*")
    if refused:
        raise NotPermitted(
            f"Redis at {address} does not permit all that taskhub does. Permit it by: "
            f"ACL SETUSER {user} {refused.rules}"
        )
    return [
        f"Redis at {address} does not permit {name}: {_WITHOUT[name]}. Permit it by: "
        f"ACL SETUSER {user} {rule_of(name)}"
        for name in optional.commands
    ]


def _check_versions(answer: Any, address: str) -> None:
    for server in _by_server(answer):
        version = str(server["redis_version"])
        if tuple(int(part) for part in version.split(".")[:2]) < MIN_VERSION:
            raise BrokerError(
                f"Redis at {address} is version {version}; taskhub needs "
                f"{'.'.join(map(str, MIN_VERSION))} or later."
            )


def dangers_of(client: Client, address: str) -> list[str]:
    """Return a sentence for each setting that may lose messages."""
    try:
        answer: Any = client.info("memory")
    except redis.exceptions.NoPermissionError:
        return []
    policies = {str(each.get("maxmemory_policy")) for each in _by_server(answer)}
    return [
        f"Redis at {address} deletes messages when it is full: its "
        f"maxmemory-policy is {policy}; set it to noeviction."
        for policy in sorted(policies)
        # Other policies delete only keys with an expiry, and taskhub sets none.
        if policy.startswith("allkeys")
    ]


def _by_server(answer: Any) -> Iterator[dict[str, Any]]:
    """Yield the INFO of each server; a Cluster replies with a dict of servers."""
    if not answer:
        return
    if all(isinstance(each, dict) for each in answer.values()):
        yield from answer.values()
    else:
        yield answer
