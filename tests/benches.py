"""Benches: brokers with the operations that tests perform on them from outside."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from taskhub.brokers.base import Broker
from taskhub.brokers.redis.connection import connect
from taskhub.conf import Config
from taskhub.messages import Envelope
from taskhub.models import Lease, Place, TaskResult
from tests.factories import EnvelopeFactory, TaskResultFactory

FAR = timedelta(days=300)


class Bench:
    """A broker under test, with methods to fill it, inspect it and make time pass."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def put(self, *envelopes: Envelope) -> None:
        """Push messages. If the broker keeps them in rows, create the rows first."""
        if self.broker.lives_in_rows:
            for each in envelopes:
                if not TaskResult.objects.filter(pk=each.id).exists():
                    TaskResultFactory(
                        id=each.id,
                        queue_name=each.queue_name,
                        priority=each.priority,
                        run_after=each.run_after,
                    )
        self.broker.push(envelopes)

    def put_one(self, **fields: object) -> str:
        """Push one message, and return its id."""
        envelope = EnvelopeFactory(**fields)
        self.put(envelope)
        return str(envelope.id)

    def join(self, *tokens: str) -> None:
        """Begin a lease for each token."""
        for token in tokens:
            self.broker.join(["default", "mail"], token)

    def reserve(self, token: str, limit: int = 10, queue: str = "default") -> list[str]:
        """Reserve messages, and return their ids."""
        reserved = self.broker.reserve([queue], limit=limit, token=token)
        return [delivery.id for delivery in reserved]

    def reclaim_silent(self, queues: tuple[str, ...] = ("default", "mail")) -> int:
        """Reclaim messages of silent tokens as a steward does; return how many."""
        broker = self.broker
        return sum(
            broker.reclaim(queues, token, if_silent=True)
            for token in broker.silent(queues)
        )

    def places(self, queue: str = "default") -> dict[str, list[str]]:
        """Return the places of each message; each should have exactly one."""
        raise NotImplementedError

    def make_due(self, message_id: str, queue: str = "default") -> None:
        """Make a delayed message due."""
        raise NotImplementedError

    def end_lease(self, token: str) -> None:
        """End the lease of a token, as if its heartbeats had stopped."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections that inspect the broker."""


class DatabaseBench(Bench):
    """The database broker, whose messages are in the rows."""

    def places(self, queue: str = "default") -> dict[str, list[str]]:
        rows = TaskResult.objects.in_queue(queue).exclude(place=Place.NOWHERE)
        return {
            str(row.pk): [f"held {row.held_by}" if row.held_by else row.place]
            for row in rows
        }

    def make_due(self, message_id: str, queue: str = "default") -> None:
        past = timezone.now() - timedelta(seconds=1)
        TaskResult.objects.filter(pk=message_id).update(run_after=past)

    def end_lease(self, token: str) -> None:
        Lease.objects.filter(pk=token).update(ends_at=timezone.now() - FAR)


class RedisBench(Bench):
    """The Redis broker, inspected with a separate client."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker)
        self.client: Any = connect(broker.config.options)

    def key(self, queue: str, name: str) -> str:
        return f"{self.broker.config.options.key_prefix}:{{{queue}}}:{name}"

    def places(self, queue: str = "default") -> dict[str, list[str]]:
        found: dict[str, list[str]] = {
            each.decode(): [] for each in self.client.hkeys(self.key(queue, "messages"))
        }
        prefix = self.key(queue, "held:")
        places = {self.key(queue, name): name for name in ("delayed", "ready")}
        for raw_key in keys_like(self.client, f"{prefix}*"):
            key = raw_key.decode()
            places[key] = f"held {key.removeprefix(prefix)}"
        for key, place in places.items():
            for each in self.client.zrange(key, 0, -1):
                found.setdefault(each.decode(), ["(no body)"]).append(place)
        return found

    def make_due(self, message_id: str, queue: str = "default") -> None:
        self.client.zadd(self.key(queue, "delayed"), {message_id: 1}, xx=True)

    def end_lease(self, token: str) -> None:
        for queue in ("default", "mail"):
            self.client.zadd(self.key(queue, "nodes"), {token: 1}, xx=True)

    def close(self) -> None:
        self.client.close()


def keys_like(client: Any, pattern: str) -> list[bytes]:
    """Return the keys that match. The count is large, since other tests leave keys."""
    return list(client.scan_iter(pattern, count=10_000))


def forget_all(client: Any, config: Config) -> None:
    """Delete all keys of one test, as FLUSHALL would."""
    for key in keys_like(client, f"*{config.options.key_prefix}*"):
        client.delete(key)


def make_bench(broker: Broker) -> Bench:
    """Make the bench for a broker."""
    return DatabaseBench(broker) if broker.lives_in_rows else RedisBench(broker)
