"""Messages that taskhub has not sent: none stops a worker, and none is lost."""

import hmac
import random
from datetime import datetime, timedelta

import msgspec
import pytest
import redis

from taskhub.brokers import get_broker
from taskhub.messages import Depth, Envelope, derive_key, seal
from taskhub.models import QuarantinedMessage, Status, TaskResult
from tests import tasks
from tests.factories import MessageFactory, TaskResultFactory, new_id, now
from tests.models import Trace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@pytest.fixture
def config(configure, redis_url):
    return configure(broker_url=redis_url, max_argument_bytes=2_000_000)


def push(config, body, message_id=None):
    """Push any body to the broker, as a person with access to Redis could."""
    message_id = message_id or new_id()
    get_broker(config).push([Envelope(message_id, "default", 0, None, body)])
    return str(message_id)


def test_messages_that_cannot_be_verified_are_quarantined(config, drain):
    key = config.signing_keys[0]
    message = MessageFactory()
    good = seal(message, key)
    bodies = {
        "empty": (b"", "version byte is b''"),
        "another version": (b"\x02" + good[1:], "version byte"),
        "no signature": (b"\x01", "signature does not verify"),
        "altered": (good[:-3] + b"0]]", "signature does not verify"),
        "another key": (seal(message, derive_key("other")), "signature does not"),
        "not JSON": (b"\x01" + bytes(32) + b"{", "signature does not verify"),
        "huge": (bytes(1_500_000), "1,500,000 bytes"),
        "another id": (good, f"is about {message.id}"),
    }
    ids = {name: push(config, body) for name, (body, _reason) in bodies.items()}
    after = tasks.add.enqueue(1, b=2)

    log = drain()

    assert after.get(timeout=1) == 3
    for name, (body, reason) in bodies.items():
        kept = QuarantinedMessage.objects.get(message_id=ids[name])
        assert reason in kept.reason, name
        assert bytes(kept.body) == body[: 2 * 1024 * 1024]
        assert kept.queue_name == "default"
    assert get_broker(config).depth("default") == Depth()
    assert log.count("Quarantined") == len(bodies)


def test_the_first_2_mib_of_a_huge_message_are_quarantined(config, drain):
    message_id = push(config, b"beginning" + bytes(20_000_000))
    after = tasks.add.enqueue(1)

    drain()

    assert after.get(timeout=1) == 1
    kept = QuarantinedMessage.objects.get(message_id=message_id)
    assert "20,000,009 bytes" in kept.reason
    assert len(kept.body) == 2 * 1024 * 1024
    assert bytes(kept.body).startswith(b"beginning")
    assert get_broker(config).depth("default") == Depth()


def test_many_large_messages_do_not_fill_the_memory_of_a_worker(
    config, start_node, settings
):
    # With DEBUG, Django keeps all SQL statements in memory.
    node = start_node("--processes=1", DEBUG="false", SECRET_KEY=settings.SECRET_KEY)
    before = tasks.most_memory_mib.enqueue().get(timeout=60)
    body = bytes(5 * 1024 * 1024)
    for _ in range(60):
        push(config, body)

    after = tasks.most_memory_mib.enqueue().get(timeout=120)

    assert after - before < 200
    assert QuarantinedMessage.objects.count() == 60
    assert node.stop() == 0


def test_a_signed_body_that_is_not_a_message_is_quarantined(config, drain):
    key = config.signing_keys[0]
    deep = b"[" * 100_000 + b"]" * 100_000
    for payload in (b"{}", b"[]", b"[1,2,3]", b"null", b"\xff", b'"\xff"', deep):
        digest = hmac.digest(key, b"\x01" + payload, "sha256")
        push(config, b"\x01" + digest + payload)

    drain()

    reasons = QuarantinedMessage.objects.values_list("reason", flat=True)
    assert len(reasons) == 7
    assert all("signed, but not a message" in reason for reason in reasons)


def test_a_replayed_message_changes_nothing_in_the_database(config, drain):
    """SECURITY.md promises this for `atomic=True` and for `expires_after`."""
    key = config.signing_keys[0]
    done = TaskResultFactory(task_path="tests.tasks.trace_atomically", args=["a"])
    late = TaskResultFactory(task_path="tests.tasks.trace", args=["b"])
    bodies = {row.id: seal(row.to_message(), key) for row in (done, late)}
    for pk, body in bodies.items():
        push(config, body, pk)
    drain()
    states = list(TaskResult.objects.values_list("attempts", "status", "finished_at"))
    expired = msgspec.structs.replace(late.to_message(), expires_at=now())

    push(config, bodies[done.id], done.id)
    push(config, seal(expired, key), late.id)
    drain()

    assert sorted(Trace.objects.values_list("label", flat=True)) == ["a", "b"]
    after = TaskResult.objects.values_list("attempts", "status", "finished_at")
    assert list(after) == states


def test_a_message_signed_with_a_previous_secret_key_runs(config, drain):
    row = TaskResultFactory(task_path="tests.tasks.add", args=[1])
    old = derive_key("the key before")
    push(config, seal(row.to_message(), old), row.id)

    drain(SECRET_KEY_FALLBACKS="the key before")

    row.refresh_from_db()
    assert row.status == Status.SUCCESSFUL


@pytest.mark.parametrize(
    ("task_path", "args"), [("tests.tasks.ad", []), ("tests.tasks.add", [1, 2, 3])]
)
def test_a_message_that_this_code_cannot_run_is_delayed(config, drain, task_path, args):
    """During a deploy, workers with newer code may know the task already."""
    row = TaskResultFactory(task_path=task_path, args=args)
    push(config, seal(row.to_message(), config.signing_keys[0]), row.id)

    drain()

    row.refresh_from_db()
    assert (row.status, row.attempts) == (Status.READY, 0)
    assert get_broker(config).depth("default") == Depth(delayed=1)
    assert not QuarantinedMessage.objects.exists()


def long_ago() -> datetime:
    """Return a time before the start of any deploy that may still be under way."""
    return now() - timedelta(hours=1)


def test_a_message_for_an_unknown_task_fails_its_row(config, drain):
    row = TaskResultFactory(task_path="tests.tasks.ad", enqueued_at=long_ago())
    push(config, seal(row.to_message(), config.signing_keys[0]), row.id)

    drain()

    row.refresh_from_db()
    assert row.status == Status.FAILED
    assert row.errors[0]["exception_class_path"].endswith("UnknownTask")
    assert "did you mean 'tests.tasks.add'?" in row.errors[0]["message"]
    assert QuarantinedMessage.objects.get().message_id == str(row.id)


def test_a_function_outside_the_registry_is_never_called(config, drain, tmp_path):
    made = tmp_path / "made"
    row = TaskResultFactory(
        task_path="os.mkdir", args=[str(made)], enqueued_at=long_ago()
    )
    push(config, seal(row.to_message(), config.signing_keys[0]), row.id)

    drain()

    row.refresh_from_db()
    assert "No task 'os.mkdir' is registered" in row.errors[0]["message"]
    assert not made.exists()


def test_foreign_entries_in_redis_are_quarantined(config, drain):
    """Some ids are not UUIDs, some bodies have no rank, some places have no body."""
    client = redis.Redis.from_url(config.options.broker_url)
    base = f"{config.options.key_prefix}:{{default}}"
    client.hset(f"{base}:messages", "no rank", "no colon")
    client.zadd(f"{base}:ready", {"no rank": 1})
    client.hset(f"{base}:messages", b"\xff\x00id", b"1:body")
    client.zadd(f"{base}:delayed", {b"\xff\x00id": 1})
    client.hset(f"{base}:messages", "delayed without rank", b"\x00")
    client.zadd(f"{base}:delayed", {"delayed without rank": 1})
    client.zadd(f"{base}:ready", {"no body": 1})
    forged = "1\n2026-01-01 ERROR forged \x1b[31m"
    client.hset(f"{base}:messages", forged, "x")
    client.zadd(f"{base}:ready", {forged: "-inf"})
    client.hset(f"{base}:messages", "never due", "x")
    client.zadd(f"{base}:delayed", {"never due": "inf"})
    client.zadd(f"{base}:delayed", {"no body and never due": "inf"})
    client.hset(f"{base}:messages", "rank", b"9" * 400 + b":left \n\x01")
    client.zadd(f"{base}:delayed", {"rank": 1})
    client.set(f"{base}:run", "f" * 40 + " " + "9" * 5_000)
    after = tasks.add.enqueue(1)

    log = drain()

    assert after.get(timeout=1) == 1
    assert set(QuarantinedMessage.objects.values_list("message_id", flat=True)) == {
        "no rank",
        "\\udcff\\u0000id",
        "delayed without rank",
        "1\\u000a2026-01-01 ERROR forged \\u001b[31m",
        "rank",
    }
    assert get_broker(config).depth("default") == Depth(delayed=2, astray=-1)
    assert "1\\u000a2026-01-01 ERROR forged \\u001b[31m" in log
    assert "\x1b" not in log
    client.close()


def test_forged_text_about_a_redelivery_does_not_stop_messages(config, drain):
    """The text is not signed: anyone with access to Redis can change it."""
    texts = (b"died \0", b"\xff\xfe", b"died " + b"x" * 100_000, b"left \x1b[2J", b"x")
    forged = [tasks.add.enqueue(number) for number in range(len(texts))]
    client = redis.Redis.from_url(config.options.broker_url)
    messages = f"{config.options.key_prefix}:{{default}}:messages"
    for result, text in zip(forged, texts, strict=True):
        rank, _colon, rest = client.hget(messages, result.id).partition(b":")
        client.hset(messages, result.id, rank + b":" + text + rest)
    after = tasks.add.enqueue(2)

    drain()

    assert [result.get(timeout=1) for result in forged] == list(range(len(texts)))
    assert after.get(timeout=1) == 2
    assert all(result.row.worker_ids == after.row.worker_ids for result in forged)
    assert not QuarantinedMessage.objects.exists()
    client.close()


def test_random_bytes_are_quarantined(config, drain):
    generator = random.Random(7)  # noqa: S311
    key = config.signing_keys[0]
    for _ in range(500):
        body = bytearray(seal(MessageFactory(), key))
        for _ in range(generator.randrange(1, 5)):
            body[generator.randrange(len(body))] ^= generator.randrange(1, 256)
        push(config, bytes(body[: generator.randrange(1, len(body) + 1)]))
    after = tasks.add.enqueue_many([(number,) for number in range(20)])

    drain(processes=2)

    assert QuarantinedMessage.objects.count() == 500
    assert [result.get(timeout=1) for result in after] == list(range(20))
    assert not TaskResult.objects.unfinished().exists()
