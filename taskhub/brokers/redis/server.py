"""Whether a server, and its user, are as taskhub needs them."""

from collections.abc import Iterator, Sequence
from typing import Any

import redis

from taskhub.brokers.redis.connection import Client, login_of, masked
from taskhub.brokers.redis.permissions import Refused, rule_of
from taskhub.conf import Options
from taskhub.exceptions import BrokerError, NotPermitted

#: ZMSCORE, BLPOP with fractions of a second, and friends.
OLDEST_VERSION = (6, 2)
#: Commands that can be spared, and what is worse without them.
_WITHOUT = {
    "INFO": "it is not noticed when a server comes back with an older state",
}


def check_server(client: Client, options: Options, bases: Sequence[str]) -> list[str]:
    """
    Try all that is done to the keys that begin with one of these.

    Return a sentence for each command that is not permitted and can be spared. Raise
    BrokerError if the server is too old, and NotPermitted if anything else is not
    permitted.
    """
    address = masked(options.broker_url)
    user = login_of(options.broker_url).get("username", "default")
    refused, spared = Refused(client), Refused(client)
    _check_versions(spared.try_command("INFO", "server"), address)
    refused.try_command("TIME")
    refused.try_scripts()
    for base in bases:
        refused.try_queue(base, f"{options.key_prefix}:*")
    if refused:
        raise NotPermitted(
            f"Redis at {address} does not permit all that taskhub does; permit it by: "
            f"ACL SETUSER {user} {refused.rules}"
        )
    return [
        f"Redis at {address} does not permit {name}: {_WITHOUT[name]}. Permit it by: "
        f"ACL SETUSER {user} {rule_of(name)}"
        for name in spared.commands
    ]


def _check_versions(answer: Any, address: str) -> None:
    for server in _by_server(answer):
        version = str(server["redis_version"])
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
            raise BrokerError(
                f"Redis at {address} is version {version}; taskhub needs "
                f"{'.'.join(map(str, OLDEST_VERSION))} or later."
            )


def dangers_of(client: Client, address: str) -> list[str]:
    """Return a sentence for each setting that loses messages."""
    try:
        answer: Any = client.info("memory")
    except redis.exceptions.NoPermissionError:
        return []
    policies = {str(each.get("maxmemory_policy")) for each in _by_server(answer)}
    return [
        f"Redis at {address} throws messages away when it is full: its "
        f"maxmemory-policy is {policy}; set it to noeviction."
        for policy in sorted(policies)
        # Others throw away only keys with a time to live, which taskhub's have not.
        if policy.startswith("allkeys")
    ]


def _by_server(answer: Any) -> Iterator[dict[str, Any]]:
    """Yield what INFO says of each server; a Cluster answers with a dict of them."""
    if not answer:
        return
    if all(isinstance(each, dict) for each in answer.values()):
        yield from answer.values()
    else:
        yield answer
