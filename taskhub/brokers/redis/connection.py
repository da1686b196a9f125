"""Connections to Redis, with every timeout and retry set explicitly."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from taskhub.conf import Options
from taskhub.exceptions import BrokerError, BrokerUnavailable, InvalidBrokerURL

#: SMISMEMBER, BLPOP with fractions of a second, GETDEL and friends.
OLDEST_VERSION = (6, 2)

Client = redis.Redis


def connect(options: Options, *, blocking_seconds: float = 0) -> Client:
    """
    Return a client for commands that block for up to `blocking_seconds`.

    It connects at its first command. Nothing is retried here: a repeated command may
    be a repeated effect, and whoever knows that it is not, repeats it.

    Raise InvalidBrokerURL if the URL cannot be read.
    """
    settings: dict[str, Any] = {
        "socket_connect_timeout": options.connect_timeout_seconds,
        "socket_timeout": options.socket_timeout_seconds + blocking_seconds,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "decode_responses": False,
    }
    try:
        pool = redis.ConnectionPool.from_url(options.broker_url, **settings)
    except (ValueError, TypeError) as error:
        raise InvalidBrokerURL(
            f"Broker URL {masked(options.broker_url)!r} cannot be read: {error}."
        ) from error
    return redis.Redis(connection_pool=pool)


def masked(url: str) -> str:
    """Return a URL without its password."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    netloc = parts.netloc.replace(f":{parts.password}@", ":***@")
    return urlunsplit(parts._replace(netloc=netloc))


@contextmanager
def broker_errors(address: str) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except redis.AuthenticationError as error:
        raise BrokerError(f"Redis at {address} refuses the login: {error}.") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise BrokerUnavailable(f"Cannot reach Redis at {address}: {error}.") from error
    except redis.RedisError as error:
        # Full, read-only, loading: these pass. What does not pass shows in the log.
        raise BrokerUnavailable(f"Redis at {address} refuses: {error}.") from error
