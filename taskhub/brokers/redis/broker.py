"""The broker contract on Redis. Most methods call a script."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import compress
from secrets import token_hex
from time import monotonic, time
from typing import Any
from uuid import UUID

import redis

from taskhub.brokers.base import BEAT, MAX_WAIT_SECONDS, Broker
from taskhub.brokers.redis.astray import AstraySearch
from taskhub.brokers.redis.connection import Client, broker_errors, connect, masked
from taskhub.brokers.redis.encoding import (
    BATCH,
    batches,
    deliveries_of,
    pushed,
    to_text,
)
from taskhub.brokers.redis.keys import Keys
from taskhub.brokers.redis.occupied import MAX_UNCHECKED_QUEUES, occupied
from taskhub.brokers.redis.scripts import Scripts
from taskhub.brokers.redis.server import check_server, dangers_of
from taskhub.brokers.redis.waiting import Waiting
from taskhub.conf import Config
from taskhub.exceptions import LeaseLost, QueueDamaged
from taskhub.messages import Delivery, Depth, Envelope, Returned, max_message_bytes

#: How many hints the wake list of a queue may have: enough for all idle workers.
_MAX_HINTS = 64
#: How many bytes one reserve hands out, roughly.
_MAX_RESERVED_BYTES = 16 * 1024 * 1024
#: The maximum size of what is stored before a body: rank, and how it came back.
_HEAD_BYTES = 256
#: How many bytes of a message the quarantine stores at most.
_QUARANTINED_BYTES = 2 * 1024 * 1024


class RedisBroker(Broker):
    """Messages in Redis 6.2 or later."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._waiting = Waiting(lambda: self._client)
        self._scripts = Scripts(lambda: self._client, self.address)
        # A longer message is refused, and its rest is not stored.
        self._max_stored_bytes = _HEAD_BYTES + max(
            max_message_bytes(config.options.max_argument_bytes), _QUARANTINED_BYTES
        )
        #: When to look again in each queue, at the latest, by time.monotonic().
        self._next_due: dict[str, float] = {}
        self._keys = cache(lambda name: Keys(config.options.key_prefix, name))
        self._astray = AstraySearch(self._scripts, self._keys)

    @cached_property
    def _client(self) -> Client:
        # Not in __init__(), since the client of a Cluster connects when it is made.
        return connect(self.config.options)

    def _errors(self) -> AbstractContextManager[None]:
        return broker_errors(self.address, lambda: self._client)

    def push(self, envelopes: Sequence[Envelope]) -> None:
        by_queue: dict[str, list[Envelope]] = {}
        for envelope in envelopes:
            by_queue.setdefault(envelope.queue_name, []).append(envelope)
        damaged: QueueDamaged | None = None
        for queue_name, queued in by_queue.items():
            try:
                self._push_to(queue_name, queued)
            except QueueDamaged as error:
                damaged = error
        if damaged is not None:
            raise damaged

    def _push_to(self, queue_name: str, envelopes: Sequence[Envelope]) -> None:
        keys = self._keys(queue_name)
        names = [*keys.places, keys.wake]
        for arguments in pushed(envelopes):
            sent = int(time() * 1000)
            self._scripts.run("push", names, [_MAX_HINTS, sent, *arguments])

    def without_empty(self, queues: Sequence[str], token: str) -> Sequence[str]:
        if len(queues) <= MAX_UNCHECKED_QUEUES:
            return queues
        keys = [self._keys(name) for name in queues]
        with self._errors():
            found = occupied(self._client, keys, token)
        for queue_name, is_occupied in zip(queues, found, strict=True):
            if not is_occupied:
                self._next_due[queue_name] = monotonic() + MAX_WAIT_SECONDS
        return list(compress(queues, found))

    def reserve_from(
        self, queue_name: str, *, limit: int, token: str
    ) -> list[Delivery]:
        keys = self._keys(queue_name)
        answer = self._scripts.run(
            "reserve",
            [*keys.of_holder(token), keys.wake, keys.paused, keys.run],
            [token, limit, self._max_stored_bytes, _MAX_RESERVED_BYTES],
        )
        if answer is None:
            raise LeaseLost(f"The lease of {token} on queue {queue_name!r} has ended.")
        due_in_ms, since, *fields = answer
        self._next_due[queue_name] = monotonic() + (
            due_in_ms / 1000 if due_in_ms >= 0 else MAX_WAIT_SECONDS
        )
        return list(deliveries_of(queue_name, fields, int(since)))

    def acknowledge(
        self, queue_name: str, ids: Collection[str], *, token: str
    ) -> set[str]:
        keys = self._keys(queue_name)
        return {
            to_text(raw_id)
            for batch in batches(ids)
            for raw_id in self._scripts.run(
                "acknowledge", keys.of_holder(token), [token, *batch]
            )
        }

    def release(
        self,
        queue_name: str,
        ids: Collection[str],
        *,
        token: str,
        started: bool = False,
    ) -> int:
        keys = self._keys(queue_name)
        names = [*keys.of_holder(token), keys.wake]
        returned = Returned(token, died=False).text if started else ""
        return sum(
            self._scripts.run("release", names, [token, _MAX_HINTS, returned, *batch])
            for batch in batches(ids)
        )

    def postpone(
        self,
        queue_name: str,
        due_times: Mapping[str, datetime],
        *,
        token: str,
        started: bool,
    ) -> int:
        keys = self._keys(queue_name)
        names = [*keys.of_holder(token), keys.wake]
        returned = Returned(token, died=False).text if started else ""
        now = datetime.now(UTC)
        postponed = 0
        for batch in batches(due_times):
            arguments: list[Any] = [token, _MAX_HINTS, returned]
            for raw_id in batch:
                pause = (due_times[to_text(raw_id)] - now) // timedelta(milliseconds=1)
                arguments += (raw_id, pause)
            postponed += self._scripts.run("postpone", names, arguments)
        return postponed

    def cancel(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        keys = self._keys(queue_name)
        names = [keys.messages, keys.delayed, keys.ready]
        return {
            UUID(to_text(raw_id))
            for batch in batches([str(each) for each in ids])
            for raw_id in self._scripts.run("cancel", names, batch)
        }

    def pause(self, queue_name: str, *, paused: bool) -> None:
        key = self._keys(queue_name).paused
        with self._errors():
            if paused:
                self._client.set(key, 1)
            else:
                self._client.delete(key)
        if not paused:
            self.wake([queue_name])

    def held(self, queue_name: str, token: str) -> set[str]:
        held = self._scripts.run("held", [self._keys(queue_name).held(token)], [])
        return {to_text(raw_id) for raw_id in held}

    def depth(self, queue_name: str) -> Depth:
        delayed, ready, held, bodies, paused, _due = self._count(queue_name)
        return Depth(
            delayed=delayed,
            ready=ready,
            held=held,
            paused=bool(paused),
            astray=bodies - delayed - ready - held,
        )

    def is_idle(self, queue_name: str) -> bool:
        _delayed, ready, held, _bodies, _paused, due = self._count(queue_name)
        return not (ready or held or due)

    def _count(self, queue_name: str) -> list[int]:
        """Return the counts of the script `depth`."""
        keys = self._keys(queue_name)
        counts: list[int] = self._scripts.run("depth", [*keys.places, keys.paused], [])
        return counts

    def missing(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        places = self._keys(queue_name).places
        return {
            UUID(to_text(raw_id))
            for batch in batches([str(each) for each in ids])
            for raw_id in self._scripts.run("missing", places, batch)
        }

    def astray(self, queue_name: str, ids: Collection[UUID] | None = None) -> set[str]:
        if ids is None:
            return self._astray.next(queue_name)
        return self._astray.among(queue_name, ids)

    def put_back(self, queue_name: str, ids: Collection[str]) -> int:
        keys = self._keys(queue_name)
        names = [*keys.places, keys.wake]
        returned = Returned("", died=False).text
        return sum(
            self._scripts.run("put_back", names, [_MAX_HINTS, returned, *batch])
            for batch in batches(ids)
        )

    def fingerprint(self, queues: Sequence[str]) -> str:
        parts: list[bytes] = []
        for name in queues:
            with self.damage.tolerated(name, "fingerprint"):
                mark = self._keys(name).mark
                parts += self._scripts.run("fingerprint", [mark], [token_hex(8)])
        return " ".join(map(to_text, parts))

    def join(self, queues: Sequence[str], token: str) -> None:
        self._beat(queues, [token], may_be_new=True)

    def heartbeat(self, queues: Sequence[str], tokens: Collection[str]) -> set[str]:
        return self._beat(queues, tokens, may_be_new=False) if tokens else set()

    def _beat(
        self, queues: Sequence[str], tokens: Collection[str], *, may_be_new: bool
    ) -> set[str]:
        lease_ms = int(self.config.options.lease_seconds * 1000)
        arguments = [lease_ms, int(may_be_new), *tokens]
        lost: list[bytes] = []
        for name in queues:
            with self.damage.tolerated(name, "heartbeat"):
                lost += self._scripts.run(
                    "heartbeat", [self._keys(name).nodes], arguments
                )
        return set(map(to_text, lost))

    def silent(self, queues: Sequence[str]) -> set[str]:
        silent: list[bytes] = []
        for name in queues:
            with self.damage.tolerated(name, "silent"):
                silent += self._scripts.run("silent", [self._keys(name).nodes], [])
        return set(map(to_text, silent))

    def reclaim(
        self,
        queues: Sequence[str],
        token: str,
        *,
        if_silent: bool = False,
        died: bool = True,
    ) -> int:
        returned = Returned(token, died)
        reclaimed = 0
        for name in queues:
            with self.damage.tolerated(name, "reclaim"):
                reclaimed += self._reclaim_from(name, returned, if_silent=if_silent)
        return reclaimed

    def _reclaim_from(
        self, queue_name: str, returned: Returned, *, if_silent: bool
    ) -> int:
        token = returned.holder
        keys = self._keys(queue_name)
        names = [*keys.of_holder(token), keys.wake]
        arguments = [token, BATCH, _MAX_HINTS, int(not if_silent), returned.text]
        reclaimed = batch = self._scripts.run("reclaim", names, arguments)
        while batch == BATCH:
            batch = self._scripts.run("reclaim", names, arguments)
            reclaimed += batch
        return int(reclaimed)

    def wait(self, queues: Sequence[str], timeout: float) -> None:
        seconds = min(timeout, MAX_WAIT_SECONDS)
        for queue_name in queues:
            if due := self._next_due.get(queue_name):
                seconds = min(seconds, due - monotonic())
        if seconds <= 0.001:
            # With a timeout of 0, Redis would block without a limit.
            return
        usable = [name for name in queues if not self.damage.stops(name, "reserve")]
        with self._errors():
            self._waiting.wait([self._keys(name).wake for name in usable], seconds)

    def interrupt(self) -> None:
        self._waiting.interrupt()

    def wake(self, queues: Collection[str]) -> None:
        for name in queues:
            with self.damage.tolerated(name, "wake"):
                self._scripts.run("wake", [self._keys(name).wake], [_MAX_HINTS])

    @property
    def address(self) -> str:
        return masked(self.config.options.broker_url)

    def check(self, queues: Sequence[str] = ()) -> list[str]:
        names = {*(queues or self.config.queues), BEAT}
        bases = [self._keys(name).base for name in sorted(names)]
        with self._errors():
            return check_server(self._client, self.config.options, bases)

    def owned_by_others(
        self, queues: Sequence[str], owner: str, *, take: bool
    ) -> list[str]:
        others = []
        for name in queues:
            with self.damage.tolerated(name, "own"):
                keys = self._keys(name)
                names = [keys.owner, keys.nodes]
                if not self._scripts.run("own", names, [owner, int(take)]):
                    others.append(name)
        return others

    def dangers(self) -> list[str]:
        with self._errors():
            return dangers_of(self._client, self.address)

    def close(self) -> None:
        self._waiting.close()
        self._scripts.close()
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()
        if isinstance(client, redis.Redis):
            client.connection_pool.disconnect()
