"""
The brokers, which store messages. `base` has the contract; each broker is a package.

`get_broker` keeps one broker for each configuration and process. Django makes new
backends for every thread and context, and connections should outlive them.
"""

import os
import re
from threading import Lock
from urllib.parse import SplitResult, parse_qsl, urlsplit

from django.utils.module_loading import import_string

from taskhub.brokers.base import Broker
from taskhub.brokers.parameters import check_parameters
from taskhub.conf import Config
from taskhub.exceptions import InvalidBrokerURL
from taskhub.foundation.nearest import did_you_mean

#: Brokers by the scheme of the URL. Only the broker that a site uses is imported.
BROKERS = {
    "database": "taskhub.brokers.database.DatabaseBroker",
    "redis": "taskhub.brokers.redis.RedisBroker",
    "rediss": "taskhub.brokers.redis.RedisBroker",
    "unix": "taskhub.brokers.redis.RedisBroker",
    "redis+sentinel": "taskhub.brokers.redis.RedisBroker",
    "rediss+sentinel": "taskhub.brokers.redis.RedisBroker",
    "redis+cluster": "taskhub.brokers.redis.RedisBroker",
    "rediss+cluster": "taskhub.brokers.redis.RedisBroker",
}

_brokers: dict[tuple[int, str, str], Broker] = {}
_lock = Lock()


def get_broker(config: Config) -> Broker:
    """Return this process's broker. Raise InvalidBrokerURL if the URL is invalid."""
    # With the pid, since a forked process must not use the sockets of its parent.
    key = (os.getpid(), config.alias, config.options.broker_url)
    with _lock:
        broker = _brokers.get(key)
        if broker is None or broker.config != config:
            broker = _brokers[key] = open_broker(config)
        return broker


def open_broker(config: Config) -> Broker:
    """Return a new broker; see get_broker()."""
    broker: Broker = import_string(find_broker(config.options.broker_url))(config)
    return broker


def find_broker(url: str) -> str:
    """
    Return the dotted path of the broker class for a URL.

    Raise InvalidBrokerURL if there is none, or the URL cannot be parsed.
    """
    scheme, found, _rest = url.partition("://")
    # Do not show text that cannot be parsed: it may contain a password.
    if not re.fullmatch(r"[\w+.-]+", scheme) or not found:
        raise InvalidBrokerURL(
            "The broker URL has no scheme; expected for example "
            "'redis://localhost:6379/0' or 'database://'."
        )
    if scheme not in BROKERS:
        hint = did_you_mean(scheme, BROKERS)
        raise InvalidBrokerURL(f"There is no broker for {scheme!r} URLs{hint}")
    try:
        parts = _parse(url)
    except ValueError:
        # Do not chain the cause: its message shows a part of the URL.
        raise InvalidBrokerURL(
            "The broker URL cannot be read; expected for example "
            "'redis://user:password@localhost:6379/0'. Escape special characters in a "
            "password: / as %2F, ? as %3F, # as %23, @ as %40."
        ) from None
    if scheme == "database" and (parts.netloc or parts.path):
        raise InvalidBrokerURL(
            "The URL of the database broker is 'database://'. It uses the database of "
            "TaskResult; write a database router to move both."
        )
    check_parameters(scheme, parts.query)
    return BROKERS[scheme]


def _parse(url: str) -> SplitResult:
    """
    Return the parts of a URL.

    Raise ValueError if a port is not a number, or a password may be outside the login.
    """
    parts = urlsplit(url)
    for host in parts.netloc.rpartition("@")[2].split(","):
        _ = urlsplit(f"//{host}").port
    names = [name for name, _value in parse_qsl(parts.query, keep_blank_values=True)]
    # An unescaped / ? or # in a password moves the @ into the path, query or fragment.
    is_cut = parts.scheme != "unix" and "@" not in parts.netloc
    if is_cut and any("@" in each for each in (parts.path, parts.fragment, *names)):
        raise ValueError("There is an @ after the host.")
    return parts
