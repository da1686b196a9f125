"""Messages that taskhub has not sent."""

import hmac
import json
from collections.abc import Callable, Iterator

from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import wait_until


@scenario(required="0 crashes; 0 stalls; each message is quarantined and visible")
def fuzzed_messages(stage: Stage) -> Report:
    """100,000 malformed, forged, huge and mutated messages are sent among good ones."""
    from taskhub.messages import Depth
    from taskhub.models import QuarantinedMessage
    from tests.chaos import tasks

    report = Report()
    keeper = stage.keep_nodes(1, "--processes=2")
    workers = set(keeper.nodes[0].children())
    count = stage.pick(100_000, 3_000)

    def missing() -> int:
        return report.faults - QuarantinedMessage.objects.count()

    for batch in range(count // 1_000):
        _push(
            stage, [body for _, body in zip(range(1_000), bodies(stage), strict=False)]
        )
        report.faults += 1_000
        tasks.once.enqueue(f"good {batch}")
        stage.wait_for_none(lambda: missing() - 10_000, "it to keep up")
    stage.wait_for_none(missing, "all to be quarantined")
    report.expect(stage.wait_for_all(), "not everything was finished")
    quarantined = QuarantinedMessage.objects.count()
    report.expect(quarantined == report.faults, f"{quarantined:,} are quarantined")
    report.expect(
        not QuarantinedMessage.objects.filter(reason="").exists(), "some have no reason"
    )
    wait_until(lambda: stage.broker.depth("default") == Depth(), "an empty broker")
    report.expect(workers == set(keeper.nodes[0].children()), "a process crashed")
    report.expect(keeper.restarts == 0, "the node crashed")
    stage.witness.count(report)
    report.notes += [f"{quarantined:,} of {report.faults:,} quarantined", "0 crashes"]
    return report


def _push(stage: Stage, raws: list[tuple[bytes, bytes]]) -> None:
    """Write raw entries into Redis, as anyone with access to Redis could."""
    client = stage.redis.client()
    prefix = stage.config.options.key_prefix
    base = f"{prefix}:{{default}}"
    pipe = client.pipeline(transaction=True)
    for number, (name, stored) in enumerate(raws):
        pipe.hset(f"{base}:messages", name, stored)
        place = "delayed" if number % 10 == 0 else "ready"
        pipe.zadd(f"{base}:{place}", {name: number})
    pipe.execute()


def bodies(stage: Stage) -> Iterator[tuple[bytes, bytes]]:
    """Yield ids and stored bytes. All ids differ, and no message is valid."""
    from taskhub.messages import seal
    from taskhub.models.ids import new_id
    from tests.factories import MessageFactory

    key = stage.config.signing_keys[0]
    chance = stage.random
    good = [seal(MessageFactory.build(), key) for _ in range(50)]
    kinds: list[Callable[[], bytes]] = [
        lambda: b"",
        lambda: chance.randbytes(chance.randrange(200)),
        lambda: b"\x01" + chance.randbytes(chance.randrange(200)),
        lambda: b"\x02" + chance.choice(good)[1:],
        lambda: chance.choice(good)[: chance.randrange(1, 100)],
        lambda: _mutated(chance.choice(good), chance),
        # Signed with the site's key, but with another id or with an invalid payload.
        lambda: chance.choice(good),
        lambda: _signed(key, _odd_json(chance)),
        lambda: _signed(key, chance.randbytes(50)),
        lambda: b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.",
        lambda: json.dumps({"id": 1, "task": "os.system"}).encode(),
    ]
    while True:
        is_huge = chance.randrange(2_000) == 0
        body = bytes(3_000_000) if is_huge else chance.choice(kinds)()
        name = str(new_id()).encode()
        if chance.randrange(10) == 0:
            name = chance.randbytes(8) + name[:20]
        rank = b"%d:" % chance.randrange(10**15) if chance.randrange(10) else b""
        yield name, rank + body


def _mutated(body: bytes, chance: object) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 5)):  # type: ignore[attr-defined]
        changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)  # type: ignore[attr-defined]
    return bytes(changed) if bytes(changed) != body else body[1:]


def _signed(key: bytes, payload: bytes) -> bytes:
    return b"\x01" + hmac.digest(key, b"\x01" + payload, "sha256") + payload


def _odd_json(chance: object) -> bytes:
    odd = [None, [], {}, 0, "x", [1, 2, 3], [None] * 13, [[]] * 8, {"id": "x"}, 1e308]
    return json.dumps(chance.choice(odd)).encode()  # type: ignore[attr-defined]
