"""The broker contract on Redis: each verb is a script, and this is what calls them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from importlib.resources import files
from secrets import token_hex
from time import monotonic
from typing import Any
from uuid import UUID

import redis

from taskhub.brokers.base import MAX_WAIT_SECONDS, Broker
from taskhub.brokers.redis.connection import (
    OLDEST_VERSION,
    Client,
    broker_errors,
    connect,
    masked,
)
from taskhub.brokers.redis.waiting import Waiting
from taskhub.conf import Config
from taskhub.exceptions import BrokerError, LeaseLost
from taskhub.messages import Delivery, Depth, Envelope, Returned

#: How many hints may lie in a queue's wake list: about as many as there are idle
#: workers to be woken; a burst of pushes needs no more.
_MOST_HINTS = 64
#: How much one script is given to do, so that others need not wait long for it.
_BATCH = 500
_BATCH_BYTES = 4 * 1024 * 1024


class Keys:
    """The names of one queue's keys."""

    __slots__ = (
        "_base",
        "delayed",
        "mark",
        "messages",
        "nodes",
        "paused",
        "ready",
        "returned",
        "run",
        "wake",
    )

    def __init__(self, prefix: str, queue_name: str) -> None:
        self._base = base = f"{{{prefix}:{queue_name}}}"
        self.messages = f"{base}:messages"
        self.delayed = f"{base}:delayed"
        self.ready = f"{base}:ready"
        self.nodes = f"{base}:nodes"
        self.paused = f"{base}:paused"
        self.wake = f"{base}:wake"
        self.mark = f"{base}:mark"
        self.returned = f"{base}:returned"
        self.run = f"{base}:run"

    def held(self, token: str) -> str:
        return f"{self._base}:held:{token}"


class RedisBroker(Broker):
    """Messages in Redis 6.2 or later."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._waiting = Waiting(lambda: self._client)
        self._next_due: dict[str, float] = {}
        self._scripts: dict[str, Any] = {}
        self._run = {name: self._script(name) for name in _SCRIPTS}
        self._keys = cache(lambda name: Keys(config.options.key_prefix, name))

    @cached_property
    def _client(self) -> Client:
        # At the first command, and not with this object: a Cluster is connected to.
        return connect(self.config.options)

    def push(self, envelopes: Sequence[Envelope]) -> None:
        by_queue: dict[str, list[Envelope]] = {}
        for envelope in envelopes:
            by_queue.setdefault(envelope.queue_name, []).append(envelope)
        for queue_name, queued in by_queue.items():
            keys = self._keys(queue_name)
            names = [
                keys.messages,
                keys.delayed,
                keys.ready,
                keys.wake,
                keys.returned,
            ]
            for arguments in _push_batches(queued):
                self._run["push"](names, [_MOST_HINTS, *arguments])

    def reserve_from(
        self, queue_name: str, *, limit: int, token: str
    ) -> list[Delivery]:
        keys = self._keys(queue_name)
        answer = self._run["reserve"](
            [
                keys.messages,
                keys.delayed,
                keys.ready,
                keys.held(token),
                keys.nodes,
                keys.wake,
                keys.returned,
                keys.paused,
                keys.run,
            ],
            [token, limit],
        )
        if answer is None:
            raise LeaseLost(f"The lease of {token} on queue {queue_name!r} has ended.")
        due_in_ms, since, *fields = answer
        since_ms = int(since)
        self._next_due[queue_name] = monotonic() + (
            due_in_ms / 1000 if due_in_ms >= 0 else MAX_WAIT_SECONDS
        )
        return [
            Delivery(
                id=_text(raw_id),
                queue_name=queue_name,
                returned=Returned.parse(_text(returned)) or _outdated(raw_id, since_ms),
                body=_body(stored),
            )
            for raw_id, stored, returned in zip(*[iter(fields)] * 3, strict=True)
        ]

    def acknowledge(
        self, queue_name: str, ids: Collection[str], *, token: str
    ) -> set[str]:
        keys = self._keys(queue_name)
        names = [keys.messages, keys.held(token), keys.returned]
        return {
            _text(raw_id)
            for batch in _batches(ids)
            for raw_id in self._run["acknowledge"](names, batch)
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
        names = [keys.ready, keys.held(token), keys.wake, keys.returned]
        returned = Returned(token, died=False).text if started else ""
        return sum(
            self._run["release"](names, [_MOST_HINTS, returned, *batch])
            for batch in _batches(ids)
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
        names = [keys.delayed, keys.held(token), keys.wake, keys.returned]
        returned = Returned(token, died=False).text if started else ""
        arguments: list[Any] = [_MOST_HINTS, returned]
        now = datetime.now(UTC)
        for message_id, due in due_times.items():
            arguments += (_raw(message_id), (due - now) // timedelta(milliseconds=1))
        return int(self._run["postpone"](names, arguments))

    def cancel(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        keys = self._keys(queue_name)
        names = [keys.messages, keys.delayed, keys.ready, keys.returned]
        return {
            UUID(_text(raw_id))
            for batch in _batches([str(each) for each in ids])
            for raw_id in self._run["cancel"](names, batch)
        }

    def pause(self, queue_name: str, *, paused: bool) -> None:
        key = self._keys(queue_name).paused
        with broker_errors(self.address):
            if paused:
                self._client.set(key, 1)
            else:
                self._client.delete(key)
        if not paused:
            self.wake([queue_name])

    def held(self, queue_name: str, token: str) -> set[str]:
        with broker_errors(self.address):
            held: Any = self._client.zrange(self._keys(queue_name).held(token), 0, -1)
        return {_text(raw_id) for raw_id in held}

    def depth(self, queue_name: str) -> Depth:
        keys = self._keys(queue_name)
        names = [keys.messages, keys.delayed, keys.ready, keys.paused]
        delayed, ready, in_all, paused = self._run["depth"](names, [])
        return Depth(
            delayed=delayed,
            ready=ready,
            held=in_all - delayed - ready,
            paused=bool(paused),
        )

    def missing(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        messages = self._keys(queue_name).messages
        return {
            UUID(_text(raw_id))
            for batch in _batches([str(each) for each in ids])
            for raw_id in self._run["missing"]([messages], batch)
        }

    def fingerprint(self, queues: Sequence[str]) -> str:
        return " ".join(
            _text(part)
            for name in queues
            for part in self._run["fingerprint"](
                [self._keys(name).mark], [token_hex(8)]
            )
        )

    def join(self, queues: Sequence[str], token: str) -> None:
        self._beat(queues, [token], may_be_new=True)

    def heartbeat(self, queues: Sequence[str], tokens: Collection[str]) -> set[str]:
        return self._beat(queues, tokens, may_be_new=False) if tokens else set()

    def _beat(
        self, queues: Sequence[str], tokens: Collection[str], *, may_be_new: bool
    ) -> set[str]:
        lease_ms = int(self.config.options.lease_seconds * 1000)
        return {
            _text(token)
            for queue_name in queues
            for token in self._run["heartbeat"](
                [self._keys(queue_name).nodes], [lease_ms, int(may_be_new), *tokens]
            )
        }

    def silent(self, queues: Sequence[str]) -> set[str]:
        return {
            _text(token)
            for name in queues
            for token in self._run["silent"]([self._keys(name).nodes], [])
        }

    def reclaim(
        self,
        queues: Sequence[str],
        token: str,
        *,
        if_silent: bool = False,
        died: bool = True,
    ) -> int:
        returned = Returned(token, died)
        return sum(
            self._reclaim_from(queue_name, returned, if_silent=if_silent)
            for queue_name in queues
        )

    def _reclaim_from(
        self, queue_name: str, returned: Returned, *, if_silent: bool
    ) -> int:
        token = returned.holder
        keys = self._keys(queue_name)
        names = [keys.ready, keys.held(token), keys.nodes, keys.wake, keys.returned]
        arguments = [token, _BATCH, _MOST_HINTS, int(not if_silent), returned.text]
        reclaimed = batch = self._run["reclaim"](names, arguments)
        while batch == _BATCH:
            batch = self._run["reclaim"](names, arguments)
            reclaimed += batch
        return int(reclaimed)

    def wait(self, queues: Sequence[str], timeout: float) -> None:
        seconds = min(timeout, MAX_WAIT_SECONDS)
        for queue_name in queues:
            if due := self._next_due.get(queue_name):
                seconds = min(seconds, due - monotonic())
        if seconds <= 0.001:
            # Zero would block for ever.
            return
        with broker_errors(self.address):
            self._waiting.wait([self._keys(name).wake for name in queues], seconds)

    def interrupt(self) -> None:
        self._waiting.interrupt()

    def wake(self, queues: Collection[str]) -> None:
        for name in queues:
            self._run["wake"]([self._keys(name).wake], [_MOST_HINTS])

    @property
    def address(self) -> str:
        return masked(self.config.options.broker_url)

    def check(self) -> None:
        with broker_errors(self.address):
            answer: Any = self._client.info("server")
        # A Cluster answers with a dict of each of its servers.
        servers = [answer] if "redis_version" in answer else list(answer.values())
        for server in servers:
            version = str(server["redis_version"])
            if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
                raise BrokerError(
                    f"Redis at {self.address} is version {version}; taskhub needs "
                    f"{'.'.join(map(str, OLDEST_VERSION))} or later."
                )

    def close(self) -> None:
        self._waiting.close()
        self._scripts.clear()
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()
        if isinstance(client, redis.Redis):
            client.connection_pool.disconnect()

    def _script(self, name: str) -> Callable[[list[str], list[Any]], Any]:
        source = files(__package__).joinpath(f"{name}.lua").read_text()

        def run(keys: list[str], arguments: list[Any]) -> Any:
            with broker_errors(self.address):
                script = self._scripts.get(name)
                if script is None:
                    # Sends its digest, and its text to a server that lacks it.
                    script = self._client.register_script(source)
                    self._scripts[name] = script
                return script(keys=keys, args=arguments)

        return run


_SCRIPTS = (
    "push",
    "reserve",
    "acknowledge",
    "release",
    "postpone",
    "cancel",
    "heartbeat",
    "reclaim",
    "silent",
    "depth",
    "missing",
    "wake",
    "fingerprint",
)


def _rank(envelope: Envelope) -> int:
    """
    Return a number: lower for a higher priority and, within one, for an older id.

    The first 48 bits of a UUIDv7 are milliseconds; among members of the same rank,
    Redis orders by their bytes, which is again their age. Below 2**53, as a sorted
    set's scores have to be.
    """
    return (100 - envelope.priority << 44) + (envelope.id.int >> 80)


def _push_batches(envelopes: Sequence[Envelope]) -> Iterator[list[Any]]:
    """Yield the arguments of push.lua, cut so that no call is long or large."""
    arguments: list[Any] = []
    size = 0
    for envelope in envelopes:
        due = envelope.run_after
        arguments += (
            str(envelope.id),
            b"%d:%b" % (_rank(envelope), envelope.body),
            int(due.timestamp() * 1000) if due else 0,
            envelope.returned.text if envelope.returned else "",
        )
        size += len(envelope.body)
        if len(arguments) >= 4 * _BATCH or size >= _BATCH_BYTES:
            yield arguments
            arguments, size = [], 0
    if arguments:
        yield arguments


def _batches(ids: Collection[str]) -> Iterator[list[str]]:
    listed = [_raw(each) for each in ids]
    for start in range(0, len(listed), _BATCH):
        yield listed[start : start + _BATCH]


def _body(stored: bytes) -> bytes:
    """Cut the rank off; what has none is handed out as it is, to be quarantined."""
    rank, _colon, body = stored.partition(b":")
    return body if rank.isdigit() else stored


def _outdated(raw_id: bytes, since_ms: int) -> Returned | None:
    """
    Return how a message came back that is older than this run of the server.

    It may have been run, and the server have missed that.
    """
    made_ms = raw_id[:13].replace(b"-", b"")
    try:
        is_older = since_ms > 0 and int(made_ms, 16) <= since_ms
    except ValueError:
        # No id of ours; it is quarantined, whatever it is.
        return None
    return Returned(holder="", died=False) if is_older else None


def _text(raw: bytes) -> str:
    # A foreign id may be any bytes, and has to be acknowledged by exactly these.
    return raw.decode(errors="surrogateescape")


def _raw(text: str) -> Any:
    return text.encode(errors="surrogateescape")
