"""
The contract of a broker: where messages wait, and who may run them.

A message is in exactly one place: delayed until it is due, ready, or held by a token.
A token belongs to one worker process; it holds what it has reserved for as long as its
lease lasts, which the node's steward keeps alive with heartbeats. There are four ways
out of being held: acknowledged (done, forget it), released or postponed (given back by
its holder, for now or for later), reclaimed (taken back from a dead one), and nothing
else: no timeout of its own.

Ready messages are handed out by priority, higher first, then by age; queues take
turns. Whatever has been reclaimed, or given back after it was started, comes with how
it was returned: whoever gets it looks at its row before running it, and sees to it that
what has killed one process takes no others' work with it when it kills the next.

One queue may be damaged while others are well: what is done to several queues is done
to those that can be used, and what is done to one of them raises QueueDamaged.

A broker is shared by the threads of a process, and must not be used across a fork.
`tests/contract/test_broker.py` is this contract as tests; every broker passes it.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

from taskhub.brokers.damage import Damage
from taskhub.conf import Config
from taskhub.messages import Delivery, Depth, Envelope

#: How many messages one reserve hands out.
MOST_RESERVED = 1_000
#: What beats wait for; no queue can have this name.
BEAT = "~beat"
#: The longest that `wait` blocks, so that a lost hint costs no more than this.
MAX_WAIT_SECONDS = 2.0


class Broker(ABC):
    """Where messages wait. Errors of the driver come out as BrokerError."""

    #: The messages are the result rows themselves: inserting a row is the push, and
    #: writing its outcome is the acknowledgement, each in one transaction. Such a
    #: broker needs a row for every message.
    lives_in_rows = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._turn = count()
        #: Which queues cannot be used now.
        self.damage = Damage()

    @abstractmethod
    def push(self, envelopes: Sequence[Envelope]) -> None:
        """
        Take messages in, and wake idle workers.

        Idempotent: an id that the broker already has is left as it is.

        Raise BrokerUnavailable if the broker cannot be reached; some of the messages
        may have been taken in then. Raise QueueDamaged if one of the queues cannot be
        used; what is for the others has been taken in.
        """

    def reserve(
        self, queues: Sequence[str], *, limit: int, token: str
    ) -> list[Delivery]:
        """
        Take up to `limit` due messages, 1,000 at the most, queue by queue in turn.

        Return at once, with fewer or none if the queues are dry; a queue that is
        damaged is logged once, and left out. What is returned belongs to `token` until
        it is acknowledged, released, or the token's lease ends.

        Raise LeaseLost if the token has no lease, and BrokerUnavailable if the
        connection is lost; messages whose reply was lost are held by the token, see
        `held`.
        """
        limit = min(limit, MOST_RESERVED)
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
        Leave out queues in which nothing waits, where that is known cheaply.

        But none in which the token has no lease: reserve_from() raises LeaseLost there.
        """
        return queues

    @abstractmethod
    def reserve_from(
        self, queue_name: str, *, limit: int, token: str
    ) -> list[Delivery]:
        """
        Take up to `limit` due messages of one queue; see reserve().

        Raise QueueDamaged if it cannot be used.
        """

    @abstractmethod
    def acknowledge(
        self, queue_name: str, ids: Collection[str], *, token: str
    ) -> set[str]:
        """
        Forget messages of one queue that are done.

        Return the ids that `token` still held; the others are not its to forget, but
        for those that are astray.
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
        Give messages of one queue back, to where they stood in line.

        `started` says that they have been begun. Return how many were given back; what
        `token` does not hold any more is left alone.
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
        Give messages of one queue back, by id, to be due again at a time of their own.

        By the caller's clock, of which only the distance from now counts. As `release`
        otherwise.
        """

    @abstractmethod
    def cancel(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        """Take messages out that nobody holds; return the ids that were."""

    @abstractmethod
    def pause(self, queue_name: str, *, paused: bool) -> None:
        """
        Hand nothing out of a queue any more; or do so again, and wake who waits.

        What its `QueueState` says. A broker that loses its data forgets it, and is told
        again.
        """

    @abstractmethod
    def held(self, queue_name: str, token: str) -> set[str]:
        """Return the ids of one queue that a token holds."""

    @abstractmethod
    def depth(self, queue_name: str) -> Depth:
        """
        Count the messages of one queue by place; and is it paused?

        A count above some thousands may be up to a minute old.
        """

    def depths(self, queues: Sequence[str]) -> dict[str, Depth]:
        """Return the depth of each of these queues, but of those that are damaged."""
        found = {}
        for name in queues:
            with self.damage.tolerated(name, "depth"):
                found[name] = self.depth(name)
        return found

    def is_paused(self, queue_name: str) -> bool:
        """Whether nothing is handed out of a queue."""
        return self.depth(queue_name).paused

    def is_idle(self, queue_name: str) -> bool:
        """Whether nothing that is due waits in a queue, and nothing is held."""
        depth = self.depth(queue_name)
        return not (depth.ready or depth.held)

    @abstractmethod
    def missing(self, queue_name: str, ids: Collection[UUID]) -> set[UUID]:
        """
        Return which of these ids the broker does not have.

        It has a message that is held, or that has both a body and another place.
        """

    def count_astray(self, queue_name: str) -> int:
        """Return how many bodies have lost their place; below 0, places their body."""
        return self.depth(queue_name).astray

    def astray(self, queue_name: str, ids: Collection[UUID] | None = None) -> set[str]:
        """
        Return ids of messages whose body is here, and whose place was lost.

        Of these ids; without any, some thousand bodies are looked at, from where the
        last such call has ended. What a living process runs may be among them: see
        `taskhub.worker.steward.astray`.
        """
        return set()

    def put_back(self, queue_name: str, ids: Collection[str]) -> int:
        """
        Make messages ready that are astray, each as one that was left unfinished.

        Return how many were astray; the others are left alone.
        """
        return 0

    @abstractmethod
    def fingerprint(self, queues: Sequence[str]) -> str:
        """
        Return a text that changes if the broker may have lost messages of these queues.

        Emptied, restarted, or replaced by another server. What was lost of one queue
        while the rest stayed shows in `Depth.astray`.
        """

    # Leases.

    @abstractmethod
    def join(self, queues: Sequence[str], token: str) -> None:
        """Begin the lease of a new token, for `lease_seconds` from now."""

    @abstractmethod
    def heartbeat(self, queues: Sequence[str], tokens: Collection[str]) -> set[str]:
        """
        Move the end of leases to `lease_seconds` from now, by the broker's clock.

        Return the tokens whose lease had already ended, which stays so.
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
        End a token's lease, and take back what it holds; return how much that was.

        `if_silent` leaves a token alone that has sent a heartbeat meanwhile. `died`
        says that what it held may have killed it; if not, it was left unfinished.
        """

    # Waiting.

    @abstractmethod
    def wait(self, queues: Sequence[str], timeout: float) -> None:
        """
        Block until there may be something to reserve, or `timeout` seconds.

        May return early for no reason, and blocks no longer than MAX_WAIT_SECONDS, nor
        past the next due time that the last reserve has seen. One thread at a time.
        """

    @abstractmethod
    def interrupt(self) -> None:
        """Make a `wait` that is under way in another thread return now, if it can."""

    def rest(self) -> None:
        """Give up what only waiting needs, if nobody has waited for some time."""
        return

    @abstractmethod
    def wake(self, queues: Collection[str]) -> None:
        """
        Wake those who wait, where pushing does not: for rows that were inserted and are
        messages themselves, at the commit of a transaction under way, and for BEAT.
        """

    # Life and looks.

    @property
    @abstractmethod
    def address(self) -> str:
        """Where the broker is, for people: without passwords."""

    @abstractmethod
    def check(self, queues: Sequence[str] = ()) -> list[str]:
        """
        Try all that is done to these queues, or to those of the configuration.

        Return a sentence for each thing that is not permitted and can be spared. Raise
        BrokerError, with a remedy, if the broker cannot be used now.
        """

    def owned_by_others(
        self, queues: Sequence[str], owner: str, *, take: bool
    ) -> list[str]:
        """
        Return the queues that another owner works on; `take` the others.

        An owner of whom no token lives any more has lost its queues. Raise BrokerError
        if the broker cannot be reached.
        """
        return []

    def dangers(self) -> list[str]:
        """Return a sentence for each setting of the server that loses messages."""
        return []

    @abstractmethod
    def close(self) -> None:
        """Close the connections that this object has opened."""
