"""The parameters in the query of a broker's URL."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from taskhub.exceptions import InvalidBrokerURL
from taskhub.foundation.nearest import did_you_mean

_Parser = Callable[[str], object]


def _flag(text: str) -> bool:
    """Return the value of a boolean. Raise ValueError for another text."""
    if text.lower() not in ("1", "true", "yes", "0", "false", "no"):
        raise ValueError
    return text.lower() in ("1", "true", "yes")


_OF_REDIS: Mapping[str, _Parser] = {
    "client_name": str,
    "db": int,
    "health_check_interval": int,
    "max_connections": int,
    "password": str,
    "protocol": int,
    "retry_on_timeout": _flag,
    "socket_connect_timeout": float,
    "socket_keepalive": _flag,
    "socket_read_size": int,
    "socket_timeout": float,
    "username": str,
}
_OF_TLS: Mapping[str, _Parser] = {
    "ssl_ca_certs": str,
    "ssl_ca_data": str,
    "ssl_ca_path": str,
    "ssl_cert_reqs": str,
    "ssl_certfile": str,
    "ssl_check_hostname": _flag,
    "ssl_ciphers": str,
    "ssl_keyfile": str,
    "ssl_min_version": int,
    "ssl_password": str,
}
_OF_SENTINELS: Mapping[str, _Parser] = {
    "sentinel_password": str,
    "sentinel_username": str,
}
_OF_A_CLUSTER: Mapping[str, _Parser] = {
    "cluster_error_retry_attempts": int,
    "dynamic_startup_nodes": _flag,
    "reinitialize_steps": int,
    "require_full_coverage": _flag,
}


def check_parameters(scheme: str, query: str) -> None:
    """Raise InvalidBrokerURL for an unknown parameter, or an invalid value."""
    known = _known_for(scheme)
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise InvalidBrokerURL(
                f"Unknown parameter {name!r} in a {scheme}:// broker URL"
                f"{did_you_mean(name, known)}"
            )
        try:
            known[name](value)
        except ValueError:
            kind = {int: "a whole number", float: "a number"}
            raise InvalidBrokerURL(
                f"Parameter {name!r} in the broker URL is {value!r}; expected "
                f"{kind.get(known[name], 'true or false')}."  # type: ignore[call-overload]
            ) from None


def read_parameters(scheme: str, query: str) -> dict[str, object]:
    """
    Return the values of the parameters, which check_parameters() has accepted.

    redis-py does not read all of them; which ones depends on its version.
    """
    known = _known_for(scheme)
    return {name: known[name](value) for name, value in parse_qsl(query)}


def _known_for(scheme: str) -> Mapping[str, _Parser]:
    if scheme == "database":
        return {}
    known = dict(_OF_REDIS)
    if scheme == "unix":
        del known["socket_keepalive"]
    if scheme.startswith("rediss"):
        known |= _OF_TLS
    if scheme.endswith("+sentinel"):
        known |= _OF_SENTINELS
    if scheme == "rediss+sentinel":
        known["sentinel_ssl"] = _flag
    if scheme.endswith("+cluster"):
        known |= _OF_A_CLUSTER
        # A Cluster has one database.
        del known["db"]
    return known
