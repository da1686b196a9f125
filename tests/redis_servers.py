"""Private Redis servers with TLS, with Sentinel, and as a Cluster."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import redis
from redis.cluster import RedisCluster

from tests.servers import RedisServer, Server, ServerMissing, free_port, wait_until


class TlsServer(RedisServer):
    """A server that accepts only TLS, with a certificate from its own authority."""

    name = "redis-tls"

    @property
    def url(self) -> str:
        authority = self.directory / "ca.crt"
        return f"rediss://127.0.0.1:{self.port}/0?ssl_ca_certs={authority}"

    def find(self) -> None:
        super().find()
        if shutil.which("openssl") is None:
            raise ServerMissing("no openssl, to make a certificate")

    def prepare(self) -> None:
        """Create an authority, and a certificate of the server that it has signed."""
        self._openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=tests", "-keyout", "ca.key", "-out", "ca.crt"),
            *("-addext", "basicConstraints=critical,CA:TRUE"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        self._openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"),
            *("-keyout", "server.key", "-out", "server.csr"),
        )
        (self.directory / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        self._openssl(
            *("x509", "-req", "-in", "server.csr", "-days", "2", "-extfile", "ext"),
            *("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", "server.crt"),
        )

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments],
            cwd=self.directory,
            check=True,
            capture_output=True,
        )

    def command(self) -> Sequence[str]:
        return [
            self.program,
            *("--bind", "127.0.0.1", "--port", "0", "--tls-port", str(self.port)),
            *("--tls-cert-file", "server.crt", "--tls-key-file", "server.key"),
            *("--tls-ca-cert-file", "ca.crt", "--tls-auth-clients", "no"),
            *("--dir", str(self.directory), "--save", "", "--appendonly", "no"),
        ]


class OlderServer(RedisServer):
    """A server without the HELLO command, which some proxies lack, too."""

    name = "redis-older"

    def command(self) -> Sequence[str]:
        return [*super().command(), *("--rename-command", "HELLO", "")]


class ClusterNode(RedisServer):
    """One server of a Cluster."""

    name = "redis-cluster-node"

    def command(self) -> Sequence[str]:
        return [
            *super().command(),
            *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
            *("--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0"),
        ]


class SentinelNode(RedisServer):
    """One of the Sentinels that watch a primary."""

    name = "redis-sentinel-node"

    def __init__(self, primary: RedisServer) -> None:
        super().__init__()
        self._primary = primary

    def prepare(self) -> None:
        (self.directory / "sentinel.conf").write_text(
            f"port {self.port}\n"
            "bind 127.0.0.1\n"
            f"sentinel monitor main 127.0.0.1 {self._primary.port} 2\n"
            "sentinel down-after-milliseconds main 1000\n"
            "sentinel failover-timeout main 4000\n"
        )

    def command(self) -> Sequence[str]:
        return [self.program, "sentinel.conf", "--sentinel"]


class Group(Server):
    """Several servers that are started and stopped together."""

    def __init__(self) -> None:
        super().__init__()
        self.servers: list[Server] = []
        self._started = ExitStack()

    def find(self) -> None:
        RedisServer().find()

    def prepare(self) -> None:
        """Each server prepares itself."""

    def command(self) -> Sequence[str]:
        return []

    def is_ready(self) -> bool:
        return all(server.is_ready() for server in self.servers)

    def add(self, server: Server) -> Server:
        """Start one more server, which is stopped with the group."""
        self._started.enter_context(server)
        self.servers.append(server)
        return server

    def stop(self, how: signal.Signals | None = None) -> None:
        self._started.close()


class SentinelGroup(Group):
    """A primary, a replica, and three Sentinels that watch them."""

    name = "redis-sentinel"

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.servers[2:])
        return f"redis+sentinel://{hosts}/main/0"

    def start(self) -> None:
        primary, replica = self.add(RedisServer()), self.add(RedisServer())
        link = redis.Redis(port=replica.port)
        link.config_set("repl-diskless-sync-delay", 0)
        redis.Redis(port=primary.port).config_set("repl-diskless-sync-delay", 0)
        link.replicaof("127.0.0.1", primary.port)
        wait_until(
            lambda: link.info("replication").get("master_link_status") == "up",
            "the replica to follow",
        )
        for _ in range(3):
            self.add(SentinelNode(primary))
        for sentinel in self.servers[2:]:
            wait_until(lambda port=sentinel.port: _knows_all(port), "the Sentinels")


def _knows_all(port: int) -> bool:
    (state,) = redis.Redis(port=port).sentinel_masters().values()
    return state["num-slaves"] == 1 and state["num-other-sentinels"] == 2


class GuardedServer(TlsServer):
    """A server with TLS and a password; its group shares one authority."""

    password = "of-servers"

    def __init__(self, authority: Path) -> None:
        super().__init__()
        self._authority = authority

    def prepare(self) -> None:
        for each in self._authority.glob("*.[ck]*"):
            shutil.copy(each, self.directory)

    def command(self) -> Sequence[str]:
        return [
            *super().command(),
            *("--tls-replication", "yes", "--repl-diskless-sync-delay", "0"),
            *("--requirepass", self.password, "--masterauth", self.password),
        ]


class GuardedSentinel(GuardedServer):
    """A Sentinel with its own password, with or without TLS."""

    name = "redis-guarded-sentinel"

    def __init__(self, authority: Path, primary: Server, *, by_tls: bool) -> None:
        super().__init__(authority)
        self._primary = primary
        self._by_tls = by_tls

    def prepare(self) -> None:
        super().prepare()
        ports = f"port 0\ntls-port {self.port}\n"
        (self.directory / "sentinel.conf").write_text(
            (ports if self._by_tls else f"port {self.port}\n") + "bind 127.0.0.1\n"
            "tls-cert-file server.crt\n"
            "tls-key-file server.key\n"
            "tls-ca-cert-file ca.crt\n"
            "tls-auth-clients no\n"
            "tls-replication yes\n"
            "requirepass of-sentinels\n"
            f"sentinel monitor main 127.0.0.1 {self._primary.port} 1\n"
            f"sentinel auth-pass main {self.password}\n"
        )

    def command(self) -> Sequence[str]:
        return [self.program, "sentinel.conf", "--sentinel"]


class GuardedSentinelGroup(Group):
    """A primary with TLS and a Sentinel, each with its own password."""

    name = "redis-guarded"

    def __init__(self, *, sentinel_by_tls: bool = True) -> None:
        super().__init__()
        self._sentinel_by_tls = sentinel_by_tls

    @property
    def url(self) -> str:
        """The URL, with the password of the server and without the Sentinel's."""
        place = f"127.0.0.1:{self.servers[1].port}/main/0"
        authority = f"ssl_ca_certs={self.directory / 'ca.crt'}"
        return f"rediss+sentinel://:{GuardedServer.password}@{place}?{authority}"

    def start(self) -> None:
        maker = TlsServer()
        maker.directory = self.directory
        maker.prepare()
        primary = self.add(GuardedServer(self.directory))
        self.add(GuardedSentinel(self.directory, primary, by_tls=self._sentinel_by_tls))


class ClusterGroup(Group):
    """Three primaries, each with a replica."""

    name = "redis-cluster"

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.servers)
        return f"redis+cluster://{hosts}"

    def find(self) -> None:
        super().find()
        if shutil.which("redis-cli") is None:
            raise ServerMissing("no redis-cli, to make a Cluster")

    def start(self) -> None:
        for _ in range(6):
            # The port of the cluster bus is higher by 10,000.
            self.add(_with_low_port(ClusterNode()))
        hosts = [f"127.0.0.1:{each.port}" for each in self.servers]
        subprocess.run(
            [
                *("redis-cli", "--cluster", "create", *hosts),
                *("--cluster-replicas", "1", "--cluster-yes"),
            ],
            check=True,
            capture_output=True,
        )
        wait_until(self._is_whole, "the Cluster")

    def _is_whole(self) -> bool:
        links = [redis.Redis(port=each.port) for each in self.servers]
        states = [link.cluster("info")["cluster_state"] for link in links]
        replicas = [link.info("replication") for link in links]
        return set(states) == {"ok"} and all(
            each["role"] == "master" or each["master_link_status"] == "up"
            for each in replicas
        )


def _with_low_port(server: ClusterNode) -> ClusterNode:
    while server.port > 55_000:
        server.port = free_port()
    return server


def cluster_of(group: ClusterGroup) -> RedisCluster:
    """Return a client of a Cluster under test."""
    return RedisCluster(host="127.0.0.1", port=group.servers[0].port)


#: Each key is the environment variable from which the settings read the URL.
REDIS_GROUPS = {
    "REDIS_TLS_URL": TlsServer,
    "REDIS_SENTINEL_URL": SentinelGroup,
    "REDIS_CLUSTER_URL": ClusterGroup,
}
