"""
Connections to Redis: one server, behind Sentinel, or a Cluster, with or without TLS.

Every timeout is set explicitly. Commands are not retried here, since a repeated command
may repeat its effect; callers retry those that may be repeated. The protocol is RESP2,
which all versions of redis-py and all proxies support with the same replies.
"""

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from taskhub.brokers.parameters import read_parameters
from taskhub.conf import Options
from taskhub.exceptions import BrokerError, BrokerUnavailable, InvalidBrokerURL

Client = redis.Redis | RedisCluster

#: A password in the query of a URL, such as `password` or `ssl_password`.
_PASSWORD = re.compile(r"([?&][^=&]*pass[^=&]*=)[^&]*", re.IGNORECASE)

#: Firewalls may drop idle connections after a minute.
_KEEPALIVE_SECONDS = 30

#: Parameters of a URL for Sentinels only.
_OF_SENTINELS = ("sentinel_password", "sentinel_ssl", "sentinel_username")

_DEFAULT_PORTS = {"sentinel": 26379, "cluster": 6379}


def connect(options: Options) -> Client:
    """
    Return a client. It connects at its first command; a Cluster's client connects now.

    Raise InvalidBrokerURL if the URL cannot be read, and BrokerUnavailable if a Cluster
    cannot be reached.
    """
    url = options.broker_url
    kind = urlsplit(url).scheme.partition("+")[2]
    settings = _settings(options)
    try:
        if kind == "sentinel":
            return _behind_sentinel(url, settings)
        if kind == "cluster":
            return _cluster(url, settings)
        parts = urlsplit(url)
        # Not parts.geturl(), which loses the slashes of unix:///.
        server = url.partition("?")[0]
        query = read_parameters(parts.scheme, parts.query)
        pool = redis.ConnectionPool.from_url(server, **{**settings, **query})
    except (ValueError, TypeError) as error:
        raise InvalidBrokerURL(
            f"Broker URL {masked(url)!r} cannot be read: {_reason(error)}."
        ) from error
    except (redis.RedisError, OSError) as error:
        raise BrokerUnavailable(
            f"Cannot reach {masked(url)}: {_reason(error)}."
        ) from error
    return redis.Redis(connection_pool=pool)


def _settings(options: Options) -> dict[str, Any]:
    by_tcp = not options.broker_url.startswith("unix:")
    return {
        **(_keepalive(options) if by_tcp else {}),
        "socket_connect_timeout": options.connect_timeout_seconds,
        "socket_timeout": options.socket_timeout_seconds,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "decode_responses": False,
        "protocol": 2,
    }


def _keepalive(options: Options) -> dict[str, Any]:
    """Return options that keep idle connections open, and soon notice dropped ones."""
    timeout_ms = int(options.socket_timeout_seconds * 1000)
    wanted = {
        "TCP_KEEPIDLE": _KEEPALIVE_SECONDS,
        "TCP_KEEPINTVL": _KEEPALIVE_SECONDS,
        "TCP_USER_TIMEOUT": max(1_000, timeout_ms),
    }
    return {
        "socket_keepalive": True,
        # Some systems lack some of these options.
        "socket_keepalive_options": {
            getattr(socket, name): value
            for name, value in wanted.items()
            if hasattr(socket, name)
        },
    }


def _behind_sentinel(url: str, settings: Mapping[str, Any]) -> redis.Redis:
    """
    Return a client for the primary that Sentinels name. Raise ValueError for bad URLs.

    The URL is redis+sentinel://[user:password@]host:26379,host:26379/service[/db].
    """
    parts = urlsplit(url)
    service, _slash, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("it lacks the name of the service, as in /mymaster")
    by_tls = parts.scheme.startswith("rediss")
    query = read_parameters(parts.scheme, parts.query)
    own = {name: query.pop(name) for name in _OF_SENTINELS if name in query}
    server: dict[str, Any] = {**settings, "ssl": by_tls, **login_of(url), **query}
    if db:
        server["db"] = int(db)
    # Sentinels may have their own login. They use TLS like the servers by default.
    of_sentinels: dict[str, Any] = {
        **settings,
        "ssl": own.pop("sentinel_ssl", by_tls),
        **{name.removeprefix("sentinel_"): value for name, value in own.items()},
    }
    if of_sentinels["ssl"]:
        of_sentinels |= {
            name: value for name, value in query.items() if name.startswith("ssl_")
        }
    hosts = _hosts(parts.netloc, _DEFAULT_PORTS["sentinel"])
    sentinel = Sentinel(hosts, sentinel_kwargs=of_sentinels, **server)
    client: redis.Redis = sentinel.master_for(service)
    return client


def _cluster(url: str, settings: Mapping[str, Any]) -> RedisCluster:
    """
    Return a Cluster's client; block until connected. Raise ValueError for bad URLs.

    The URL is redis+cluster://[user:password@]host:6379,host:6379, without a database.
    """
    parts = urlsplit(url)
    if parts.path.strip("/"):
        raise ValueError("a Cluster has one database, and no number in its URL")
    options: dict[str, Any] = {
        **settings,
        **login_of(url),
        **read_parameters(parts.scheme, parts.query),
        "startup_nodes": [
            ClusterNode(host, port)
            for host, port in _hosts(parts.netloc, _DEFAULT_PORTS["cluster"])
        ],
    }
    if parts.scheme.startswith("rediss"):
        options["ssl"] = True
    return RedisCluster(**options)


def _hosts(netloc: str, default_port: int) -> list[tuple[str, int]]:
    hosts = []
    for each in netloc.rpartition("@")[2].split(","):
        host, colon, port = each.rpartition(":")
        if not colon:
            host, port = each, str(default_port)
        if not host:
            raise ValueError(f"{each!r} names no host")
        hosts.append((host.strip("[]"), int(port)))
    return hosts


def login_of(url: str) -> dict[str, str]:
    """Return the username and the password in a URL, if any."""
    login = urlsplit(url).netloc.rpartition("@")[0]
    user, _colon, password = login.partition(":")
    found = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in found.items() if value}


def masked(url: str) -> str:
    """Return a URL without its passwords."""
    scheme, slashes, rest = _PASSWORD.sub(r"\1***", url).partition("://")
    # Up to the last @: a password may have unescaped characters.
    login, at, place = rest.rpartition("@")
    user, colon, _password = login.partition(":")
    if not colon:
        return f"{scheme}{slashes}{rest}"
    return f"{scheme}{slashes}{user}:***{at}{place}"


def _reason(error: Exception) -> str:
    """Return the text of an error without the full stop that some of them have."""
    return str(error).rstrip(".")


@contextmanager
def broker_errors(address: str, connect: Callable[[], Client]) -> Iterator[None]:
    """Raise errors of the driver as BrokerError; disconnect from a replica."""
    try:
        yield
    except redis.exceptions.ReadOnlyError as error:
        _leave_replica(connect())
        raise BrokerUnavailable(
            f"Redis at {address} refuses: {_reason(error)}."
        ) from error
    except redis.AuthenticationError as error:
        raise BrokerError(
            f"Redis at {address} refuses the login: {_reason(error)}."
        ) from error
    except (redis.ConnectionError, redis.TimeoutError, MasterNotFoundError) as error:
        raise BrokerUnavailable(
            f"Cannot reach Redis at {address}: {_reason(error)}."
        ) from error
    except redis.RedisError as error:
        # Most are temporary: Redis is full or loading. The log shows the others.
        raise BrokerUnavailable(
            f"Redis at {address} refuses: {_reason(error)}."
        ) from error


def _leave_replica(client: Client) -> None:
    # The server's name may lead to another server, the new primary, by now. Behind
    # Sentinel and in a Cluster, redis-py does this itself.
    if isinstance(client, redis.Redis):
        client.connection_pool.disconnect(inuse_connections=False)
