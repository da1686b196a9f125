"""Failovers of Redis that lose the last writes."""

import signal
import time
from typing import Any

import redis
import redis.cluster

from tests.chaos.redis_outages import Work
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.redis_servers import ClusterGroup, SentinelGroup
from tests.servers import wait_until

#: The longest time until a group has elected a new primary that takes writes.
FAILOVER_SECONDS = 15.0
REQUIRED = "0 lost; 0 double results; work resumes ≤ 15 s after the kill"


def lag(primary: redis.Redis) -> None:
    """Disconnect a primary from its replicas, so that new writes are not replicated."""
    primary.execute_command("ACL", "SETUSER", "default", "-psync", "-sync", "-replconf")
    primary.execute_command("CLIENT", "KILL", "TYPE", "replica")
    wait_until(
        lambda: primary.info("replication")["connected_slaves"] == 0, "it to be alone"
    )


def lose_last_writes(stage: Stage, server: Any, promoted: Any) -> Report:
    """Kill a primary whose writes of the last seconds have not been replicated."""
    report = Report()
    stage.keep_nodes(2, "--processes=2")
    work = Work(stage)
    work.enqueue(stage.pick(1_000, 200))
    lag(redis.Redis(port=server.port))
    # The replica does not know which messages are acknowledged or pushed from here on.
    for _ in range(stage.pick(20, 5)):
        work.enqueue(stage.pick(200, 50))
        time.sleep(0.2)
    work.enqueue(stage.pick(2_000, 300))
    server.stop(signal.SIGKILL)
    report.faults += 1
    killed_at = time.monotonic()
    wait_until(promoted, "another primary")
    work.seconds_to_resume()
    report.took(time.monotonic() - killed_at, most=FAILOVER_SECONDS)
    work.finish(report)
    return report


@scenario(required=REQUIRED, needs=SentinelGroup().find)
def sentinel_failover(stage: Stage) -> Report:
    """Sentinel promotes a replica that has missed the last writes."""
    group = stage.use(SentinelGroup())
    stage.configure(broker_url=group.url)
    primary, replica = group.servers[:2]
    return lose_last_writes(stage, primary, lambda: _is_primary(replica))


@scenario(required=REQUIRED, needs=ClusterGroup().find)
def cluster_failover(stage: Stage) -> Report:
    """A Cluster promotes a replica that has missed the last writes."""
    group = stage.use(ClusterGroup())
    stage.configure(broker_url=group.url)
    by_port = {server.port: server for server in group.servers}
    link = redis.cluster.RedisCluster(host="127.0.0.1", port=group.servers[0].port)
    prefix = stage.config.options.key_prefix
    primary = link.get_node_from_key(f"{prefix}:{{default}}:messages")
    link.close()
    follower = redis.Redis(port=primary.port).info("replication")["slave0"]["port"]
    return lose_last_writes(
        stage, by_port[primary.port], lambda: _is_primary(by_port[follower])
    )


def _is_primary(server: Any) -> bool:
    role = redis.Redis(port=server.port).info("replication")["role"]
    return bool(role == "master")
