"""
Keys of Redis whose value has a wrong type.

Each method of the broker, with each key: either the method does not need the key, or it
names the wrong key and writes nothing.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from msgspec.structs import replace

from taskhub.exceptions import QueueDamaged
from taskhub.messages import Depth, Returned
from tests.benches import RedisBench, keys_like
from tests.factories import EnvelopeFactory

TOKEN, OTHER = "worker-1", "worker-2"
NAMES = (
    *("messages", "delayed", "ready", "nodes", "wake", "paused", "mark", "run"),
    *(f"held:{TOKEN}", f"held:{OTHER}"),
)


@pytest.fixture
def config(configure, redis_url):
    return configure(broker_url=redis_url)


def put_wrong(client: Any, key: str) -> None:
    """Store a value of a type that the key never has."""
    kind = client.type(key)
    client.delete(key)
    if key.endswith((":paused", ":mark", ":run")) or kind == b"string":
        client.sadd(key, "wrong")
    else:
        client.set(key, "wrong")


def snapshot(bench: RedisBench, config: Any) -> dict[bytes, bytes]:
    keys = keys_like(bench.client, f"{config.options.key_prefix}:*")
    return {key: bench.client.dump(key) for key in keys}


def refusal_of(call: Callable[[], object]) -> str:
    try:
        call()
    except QueueDamaged as error:
        return str(error)
    return ""


def verbs(broker: Any, held: str, ready: str) -> dict[str, Any]:
    later = timezone.now() + timedelta(hours=1)
    return {
        "push": lambda: broker.push([EnvelopeFactory(), EnvelopeFactory()]),
        "push again": lambda: broker.push([EnvelopeFactory(id=UUID(ready))]),
        "reserve": lambda: broker.reserve_from("default", limit=9, token=TOKEN),
        "acknowledge": lambda: broker.acknowledge("default", [held], token=TOKEN),
        "release": lambda: broker.release("default", [held], token=TOKEN, started=True),
        "postpone": lambda: broker.postpone(
            "default", {held: later}, token=TOKEN, started=True
        ),
        "cancel": lambda: broker.cancel("default", [UUID(ready)]),
        "held": lambda: broker.held("default", TOKEN),
        "depth": lambda: broker.depth("default"),
        "missing": lambda: broker.missing("default", [UUID(ready), UUID(held)]),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_key_of_a_wrong_type_is_named_and_nothing_is_written(bench, config, name):
    bench.join(TOKEN, OTHER)
    held, others, ready = (bench.put_one() for _ in range(3))
    bench.put_one(run_after=timezone.now() + timedelta(hours=1))
    assert bench.reserve(TOKEN, limit=1) == [held]
    assert bench.reserve(OTHER, limit=1) == [others]
    key = bench.key("default", name)
    put_wrong(bench.client, key)

    refused = 0
    for verb, call in verbs(bench.broker, held, ready).items():
        before = snapshot(bench, config)
        if text := refusal_of(call):
            refused += 1
            assert key in text, verb
            assert snapshot(bench, config) == before, verb

    assert refused or name in ("paused", "mark", f"held:{OTHER}")
    assert bench.client.type(key) in (b"string", b"set")


@pytest.mark.parametrize("others", [("mail",), ("mail", "empty", "empty-2")])
@pytest.mark.parametrize("name", ["messages", "ready", "nodes", "wake", "run"])
def test_other_queues_work_and_the_damaged_one_is_logged_once(
    bench, config, caplog, name, others
):
    caplog.set_level(logging.INFO, logger="taskhub")
    queues = ["default", *others]
    bench.broker.join(queues, TOKEN)
    waits = EnvelopeFactory()
    bench.put(waits)
    key = bench.key("default", name)
    put_wrong(bench.client, key)

    with suppress(QueueDamaged):
        bench.put(EnvelopeFactory(), EnvelopeFactory(queue_name="mail"))
    for _ in range(3):
        bench.broker.heartbeat(queues, [TOKEN])
        taken = bench.broker.reserve(queues, limit=9, token=TOKEN)
        bench.broker.release("mail", [each.id for each in taken], token=TOKEN)
        bench.broker.wait(queues, 0.01)
        bench.broker.fingerprint(queues)

    assert [each.queue_name for each in taken] == ["mail"]
    assert bench.broker.depths(queues)["mail"] == Depth(ready=1)
    assert caplog.text.count(key) == 1
    bench.broker.reclaim(queues, TOKEN)

    bench.client.delete(key)
    bench.broker.join(queues, TOKEN)
    bench.put(waits)
    taken = bench.broker.reserve(queues, limit=9, token=TOKEN)

    assert {each.queue_name for each in taken} == {"default", "mail"}
    assert caplog.text.count("can be used again") == 1


def test_a_token_without_a_lease_changes_no_message_of_another(bench):
    """Its lease was lost with a key, and its message was pushed again."""
    bench.join(TOKEN)
    envelope = EnvelopeFactory()
    bench.put(envelope)
    assert bench.reserve(TOKEN) == [str(envelope.id)]
    bench.client.delete(bench.key("default", "nodes"))
    bench.join(OTHER)
    bench.put(replace(envelope, returned=Returned(TOKEN, died=False)))
    assert bench.reserve(OTHER) == [str(envelope.id)]

    held, later = str(envelope.id), timezone.now() + timedelta(hours=1)
    due = {held: later}
    broker = bench.broker
    for took in (
        lambda: broker.acknowledge("default", [held], token=TOKEN),
        lambda: broker.release("default", [held], token=TOKEN),
        lambda: broker.postpone("default", due, token=TOKEN, started=True),
    ):
        bench.client.zadd(bench.key("default", f"held:{TOKEN}"), {held: 1})
        assert not took()
    bench.client.zadd(bench.key("default", f"held:{TOKEN}"), {held: 1})
    broker.reclaim(["default"], TOKEN)

    assert broker.depth("default") == Depth(held=1)
    assert broker.held("default", OTHER) == {held}
    assert broker.acknowledge("default", [held], token=OTHER) == {held}
    assert broker.depth("default") == Depth()


def test_put_back_ignores_messages_that_are_not_astray(bench):
    bench.join(TOKEN)
    held, ready = bench.put_one(), bench.put_one()
    delayed = bench.put_one(run_after=timezone.now() + timedelta(hours=1))
    assert bench.reserve(TOKEN, limit=1) == [held]

    assert bench.broker.put_back("default", [held, ready, delayed, "no id"]) == 0

    assert bench.broker.depth("default") == Depth(held=1, ready=1, delayed=1)


def test_reserve_bounds_the_bytes_of_one_reply(bench):
    """All messages are delivered in order; a huge one is delivered in part."""
    bench.join(TOKEN)
    large = [EnvelopeFactory(body=bytes(1024 * 1024)) for _ in range(20)]
    huge = EnvelopeFactory(body=bytes(20_000_000))
    last = EnvelopeFactory()
    bench.put(*large, huge, last)

    first = bench.broker.reserve(["default"], limit=100, token=TOKEN)
    second = bench.broker.reserve(["default"], limit=100, token=TOKEN)
    third = bench.broker.reserve(["default"], limit=100, token=TOKEN)

    assert len(first) == 16
    assert [each.id for each in [*first, *second, *third]] == [
        str(each.id) for each in [*large, huge, last]
    ]
    assert second[-1].size == 20_000_000
    assert 2_000_000 < len(second[-1].body) < 2_200_000
    assert [each.body for each in third] == [last.body]
