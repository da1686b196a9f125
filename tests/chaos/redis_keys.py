"""Keys of Redis that are evicted, deleted or overwritten."""

import time

import redis

from tests.chaos.redis_outages import BACK_SECONDS, Work, again_and_again
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage

_REQUIRED = (
    "0 lost; extra runs ≤ in flight; no attempt counts as failed; "
    "work resumes ≤ 5 s later"
)


@scenario(required=_REQUIRED)
def keys_deleted(stage: Stage) -> Report:
    """Random keys of taskhub are deleted again and again."""
    report = Report()
    generator = stage.random
    client = stage.redis.client()
    stage.keep_nodes(2, "--processes=2")
    work = Work(stage)

    def delete_some() -> None:
        if keys := sorted(client.scan_iter("*}:*", count=10_000)):
            report.bound += _in_flight(client)
            client.delete(*generator.sample(keys, generator.randint(1, len(keys))))

    with again_and_again(delete_some, 0.5) as done:
        for _ in range(stage.pick(100, 30)):
            work.enqueue(20)
            time.sleep(0.2)
    report.faults = len(done)
    report.took(work.seconds_to_resume(), most=BACK_SECONDS)
    # A process loses its messages if its lease or its key of held messages is deleted.
    work.finish(report, may_be_interrupted=True)
    return report


def _in_flight(client: redis.Redis) -> int:
    """
    Return how many messages are held now; each may run twice if keys are lost.

    A first run is marked in its row only after a moment. Before that, the sweep does
    not know that the task is running, and pushes its message again.
    """
    return sum(map(client.zcard, client.scan_iter("*}:held:*", count=10_000)))


@scenario(required=_REQUIRED)
def keys_evicted(stage: Stage) -> Report:
    """A cache fills the Redis that taskhub uses, and Redis evicts any key."""
    report = Report()
    client = stage.redis.client()
    before = client.config_get("maxmemory*")
    stage.finally_do(lambda: _restore(stage.redis.client(), before))
    stage.keep_nodes(2, "--processes=2")
    work = Work(stage)
    work.enqueue(10)
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", used + 4 * 1024 * 1024)
    evicted = client.info("stats")["evicted_keys"]
    for policy in ("allkeys-random", "allkeys-lru"):
        client.config_set("maxmemory-policy", policy)
        for number in range(stage.pick(100, 20)):
            work.enqueue(10)
            report.bound += _in_flight(client)
            _fill_cache(client, f"{policy} {number}")
            time.sleep(0.1)
    report.faults = client.info("stats")["evicted_keys"] - evicted
    _restore(client, before)
    report.took(work.seconds_to_resume(), most=BACK_SECONDS)
    # A process loses its messages if its lease or its key of held messages is deleted.
    work.finish(report, may_be_interrupted=True)
    report.notes.append(f"{report.faults:,} keys evicted")
    return report


def _fill_cache(client: redis.Redis, prefix: str) -> None:
    pipe = client.pipeline(transaction=False)
    for number in range(50):
        pipe.set(f"cache {prefix} {number}", bytes(20_000))
    pipe.execute(raise_on_error=False)


def _restore(client: redis.Redis, settings: dict[str, str]) -> None:
    for name in ("maxmemory", "maxmemory-policy"):
        client.config_set(name, settings[name])
    for key in client.scan_iter("cache *", count=10_000):
        client.delete(key)


@scenario(required="0 lost; no attempt counts as failed; work resumes ≤ 15 s later")
def keys_overwritten(stage: Stage) -> Report:
    """Each kind of key in turn has a value of another type for some seconds."""
    report = Report()
    client = stage.redis.client()
    stage.keep_nodes(2, "--processes=2")
    work = Work(stage)
    base = f"{stage.broker.config.options.key_prefix}:{{default}}:"
    names = ("ready", "messages", "nodes", "wake", "delayed", "run")
    for name in names[: stage.pick(len(names), 3)]:
        work.enqueue(stage.pick(200, 50))
        client.delete(base + name)
        client.sadd(base + name, "somebody else's")
        report.faults += 1
        until = time.monotonic() + stage.pick(10, 4)
        while time.monotonic() < until:
            work.enqueue(5)
            time.sleep(0.2)
        client.delete(base + name)
        report.took(work.seconds_to_resume(), most=15.0)
    work.finish(report)
    return report
