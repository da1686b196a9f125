"""
The contract of a broker, which stores messages and decides who may run them.

A message is in exactly one place: delayed until it is due, ready, or held by a token.
A token belongs to one worker process. It holds the messages that it has reserved while
its lease lasts; the node's steward extends the lease with heartbeats. A held message
leaves this place in four ways only: it is acknowledged (deleted), released or postponed
(given back by its holder, for now or for later), or reclaimed (taken back from a dead
holder). Messages have no timeout of their own.

Ready messages are handed out by priority, higher first, then by age. Queues take turns.
A message that was reclaimed, or given back after it was started, is marked. Its next
holder checks the row, and runs the message exclusively if it may have killed a process.

A damaged queue does not affect the others: a method for several queues skips it, and a
method for one queue raises QueueDamaged.

The threads of a process share a broker. It must not be used across a fork.
`tests/contract/test_broker.py` tests this contract for every broker.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

from taskhub.brokers.damage import Damage
from taskhub.conf import Config
from taskhub.messages import Delivery, Depth, Envelope

#: How many messages one reserve hands out at most.
MAX_RESERVED_MESSAGES = 1_000
#: The name under which beats wait, in place of a queue. No queue can have it.
BEAT = "~beat"
#: How long `wait` blocks at most. A lost wake-up delays a message by no more.
MAX_WAIT_SECONDS = 2.0


class Broker(ABC):
    """A store of messages. Errors of the driver are raised as BrokerError."""

    #: Whether the result rows are the messages: inserting a row pushes it, and writing
    #: its outcome acknowledges it, each in one transaction. Every message has a row.
    lives_in_rows = False
    #: How long an idle worker waits at a time before it looks for messages.
    idle_seconds = MAX_WAIT_SECONDS

    def __init__(self, config: Config) -> None:
        self.config = config
        #: Counts the calls of reserve(), so that queues take turns in going first.
        self._turn = count()
        #: The queues that cannot be used now.
        self.damage = Damage()

    @abstractmethod
    def push(self, envelopes: Sequence[Envelope]) -> None:
        """
        Store messages, and wake idle workers.

        A message whose id the broker already has is not changed. Raise
        BrokerUnavailable if the broker cannot be reached; some messages may be stored
        then. Raise QueueDamaged if a queue cannot be used; others get their messages.
        """

    def reserve(
        self, queues: Sequence[str], *, limit: int, token: str
    ) -> list[Delivery]:
        """
        Take up to `limit` due messages, 1,000 at most, queue by queue in turn.

        Return at once, with fewer or none if the queues are empty. A damaged queue is
        logged once and skipped. `token` holds the messages until they are acknowledged
        or given back, or its lease ends.

        Raise LeaseLost if the token has no lease, and BrokerUnavailable if the
        connection is lost. If only the reply was lost, `held` returns the ids.
        """
        limit = min(limit, MAX_RESERVED_MESSAGES)
        first = next(self._turn) % len(queues)
        in_turn = [*queues[first:], *queues[:first]]
        deliveries: list[Delivery] = []
        for queue_name in self.without_empty(in_turn, token):
            if (room := limit - len(deliveries)) > 0:
                with self.damage.tolerated(queue_name, "reserve"):
                    deliveries += self.reserve_from(queue_name, limit=room, token=token)
        return deliveries

    def without_empty(self, queues: Sequence[str], token: str) -> Sequence[str]:
        """
        Leave out empty queues, if the broker can tell at low cost.

        Keep queues in which the token has no lease: reserve_from() raises LeaseLost.
        """
        return queues

    @abstractmethod
    def reserve_from(
        self, queue_name: str, *, limit: int, token: str
    ) -> list[Delivery]:
        """Reserve messages of one queue. Raise QueueDamaged if it cannot be used."""

    @abstractmethod
    def acknowledge(
        self, queue_name: str, ids: Collection[str], *, token: str
    ) -> set[str]:
        """
        Delete messages of one queue that are done.

        Return the ids that `token` still held. Of the others, delete only astray ones.
        """

    @abstractmethod
    def release(
        self,
        queue_name: str,
        ids: Collection[str],
        *,
        token: str,
        started: bool = False,
    ) -> int:
        """
        Give messages of one queue back, to their former position.

        With `started`, they may have been started, so the next holder checks their
        rows. Return how many were given back: only messages that `token` holds.
        """

    @abstractmethod
    def postpone(
        self,
        queue_name: str,
        due_times: Mapping[str, datetime],
        *,
        token: str,
        started: bool,
    ) -> int:
        """
        Give messages of one queue back, each with a new due time.

        `due_times` has the due time of each id, by the caller's clock. The broker adds
        the time that is left until then to its own clock. Otherwise like `release`.
        """

    @abstractmethod
    def cancel(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        """Delete messages that no token holds; return their ids."""

    @abstractmethod
    def pause(self, queue_name: str, *, paused: bool) -> None:
        """
        Stop handing out messages of a queue, or resume and wake idle workers.

        A steward repeats the state in `QueueState`, since the broker may lose its data.
        """

    @abstractmethod
    def held(self, queue_name: str, token: str) -> set[str]:
        """Return the ids of one queue that a token holds."""

    @abstractmethod
    def depth(self, queue_name: str) -> Depth:
        """
        Count the messages of one queue by place, and return whether it is paused.

        A count above some thousands may be up to a minute old.
        """

    def depths(self, queues: Sequence[str]) -> dict[str, Depth]:
        """Return the depth of each queue, except damaged ones."""
        found = {}
        for name in queues:
            with self.damage.tolerated(name, "depth"):
                found[name] = self.depth(name)
        return found

    def is_paused(self, queue_name: str) -> bool:
        """Return whether a queue is paused."""
        return self.depth(queue_name).paused

    @abstractmethod
    def is_idle(self, queue_name: str) -> bool:
        """Return whether a queue has no due message, and none is held."""

    @abstractmethod
    def missing(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        """
        Return which of these ids the broker does not have.

        The broker has messages that are held, or have a body and are ready or delayed.
        """

    def count_astray(self, queue_name: str) -> int:
        """Return the number of bodies without a place, minus places without a body."""
        return self.depth(queue_name).astray

    def astray(self, queue_name: str, ids: Collection[UUID] | None = None) -> set[str]:
        """
        Return ids of messages that have a body and no place.

        Check these ids or, without ids, some thousand bodies from where the last such
        call stopped. A living process may run some of them; see steward/astray.py.
        """
        return set()

    def put_back(self, queue_name: str, ids: Collection[str]) -> int:
        """Make astray messages ready, marked as left unfinished. Return how many."""
        return 0

    @abstractmethod
    def fingerprint(self, queues: Sequence[str]) -> str:
        """
        Return text that changes if the broker was emptied, restarted or replaced.

        Then messages of these queues may be lost. `Depth.astray` shows partial losses.
        """

    # Leases.

    @abstractmethod
    def join(self, queues: Sequence[str], token: str) -> None:
        """Begin the lease of a new token, for `lease_seconds` from now."""

    @abstractmethod
    def heartbeat(self, queues: Sequence[str], tokens: Collection[str]) -> set[str]:
        """
        Extend leases to `lease_seconds` from now, by the broker's clock.

        Return the tokens that have no lease any more. They get no new one.
        """

    @abstractmethod
    def silent(self, queues: Sequence[str]) -> set[str]:
        """Return the tokens whose lease has ended, by the broker's clock."""

    @abstractmethod
    def reclaim(
        self,
        queues: Sequence[str],
        token: str,
        *,
        if_silent: bool = False,
        died: bool = True,
    ) -> int:
        """
        End a token's lease, and make its messages ready; return their number.

        With `if_silent`, do nothing if the token has sent a heartbeat meanwhile. `died`
        says whether the messages may have killed the holder, or were left unfinished.
        """

    # Waiting.

    @abstractmethod
    def wait(self, queues: Sequence[str], timeout: float) -> None:
        """
        Block until there may be messages to reserve, or for `timeout` seconds.

        This may return early. It blocks for MAX_WAIT_SECONDS at most, and not beyond
        the next due time that the broker knows. A broker that polls blocks for up to
        `poll_seconds`, even if a message becomes due. One thread may wait at a time.
        """

    @abstractmethod
    def interrupt(self) -> None:
        """Make a `wait` in another thread return now, if possible."""

    def rest(self) -> None:
        """Release what only `wait` needs, if no thread has waited for some time."""
        return

    @abstractmethod
    def wake(self, queues: Collection[str]) -> None:
        """
        Wake the threads that wait for messages of these queues, or for BEAT.

        push() wakes them itself. If rows are messages, call this after inserting rows:
        the threads wake up when the open transaction is committed.
        """

    # Other.

    @property
    @abstractmethod
    def address(self) -> str:
        """The address of the broker as it is shown to people, without passwords."""

    @abstractmethod
    def check(self, queues: Sequence[str] = ()) -> list[str]:
        """
        Try every operation on these queues, or on those of the configuration.

        Return a sentence for each optional operation that is not permitted. Raise
        BrokerError, whose message has a remedy, if the broker cannot be used.
        """

    def owned_by_others(
        self, queues: Sequence[str], owner: str, *, take: bool
    ) -> list[str]:
        """
        Return the queues of another owner; with `take`, become the owner of the rest.

        A queue counts as another owner's only while a token has a lease on it. Raise
        BrokerError if the broker cannot be reached.
        """
        return []

    def dangers(self) -> list[str]:
        """Return a sentence for each setting of the server that may lose messages."""
        return []

    @abstractmethod
    def close(self) -> None:
        """Close the connections that this object has opened."""
