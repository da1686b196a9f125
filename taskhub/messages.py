"""
Messages: what travels through a broker, versioned and signed.

A sealed message is one version byte, 32 bytes of HMAC-SHA256 over all the rest, and
the message as a JSON array. A broker sees only the bytes; it learns the id, the queue,
the priority and the due time from the `Envelope` around them. JSON and not msgpack,
because arguments may be integers of any size.

Logs and error trackers print objects by their repr(). So what carries arguments, or a
key, has one that shows neither.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from taskhub.exceptions import BadMessage

#: The first byte of every sealed message; it changes when an older worker could not
#: read a newer message.
VERSION = b"\x01"
_DIGEST_BYTES = 32
_HEADER_BYTES = len(VERSION) + _DIGEST_BYTES
#: The longest token of a worker process.
_MAX_HOLDER_LENGTH = 100


class SigningKey(bytes):
    """A key that signs messages; its repr() does not show it."""

    def __repr__(self) -> str:
        return "<SigningKey>"


class Message(msgspec.Struct, array_like=True, frozen=True):
    """
    One run asked for, with all that is needed to run it and to write its row.

    New fields go to the end and have defaults, so that older messages stay readable.
    """

    id: UUID
    task_path: str
    args: list[Any]
    kwargs: dict[str, Any]
    queue_name: str
    priority: int
    backend: str
    enqueued_at: datetime
    run_after: datetime | None = None
    expires_at: datetime | None = None
    #: False when there is no row yet: it is first written when the task has finished.
    durable: bool = True
    meta: dict[str, Any] = {}
    #: The due time that a schedule fired it for.
    tick_at: datetime | None = None

    def __repr__(self) -> str:
        return f"<Message {self.id} of {self.task_path}>"


class Returned(msgspec.Struct, frozen=True):
    """How a message came back to its broker after it was handed out."""

    #: The token that held it.
    holder: str
    #: Whether the holder died with it, or fell silent; if not, it was left unfinished.
    died: bool

    @property
    def text(self) -> str:
        """What brokers keep."""
        return f"{'died' if self.died else 'left'} {self.holder}"

    @classmethod
    def parse(cls, text: str) -> "Returned | None":
        """
        Read what a broker has kept; None if it has kept nothing.

        It is not signed. What is not understood is taken for a message that somebody
        left unfinished: its row is looked at before it is run.
        """
        if not text:
            return None
        how, _space, holder = text.partition(" ")
        if how not in ("died", "left") or len(holder) > _MAX_HOLDER_LENGTH:
            return cls("", died=False)
        return cls(holder, how == "died") if holder.isprintable() else cls("", False)


class Envelope(msgspec.Struct, frozen=True):
    """What a broker needs to know of a message that it is to keep."""

    id: UUID
    queue_name: str
    #: -100 to 100; higher goes first.
    priority: int
    #: None means now.
    run_after: datetime | None
    #: Empty for a broker that lives in the rows.
    body: bytes = b""
    #: How it came back, if it may have been started before.
    returned: Returned | None = None

    def __repr__(self) -> str:
        return f"<Envelope {self.id} in {self.queue_name}>"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message as a broker hands it out: the bytes, or itself if it has it whole."""

    id: str
    queue_name: str
    #: How it came back from the one who held it before, if anybody did.
    returned: Returned | None = None
    body: bytes = b""
    #: How many bytes the body has, though the broker may not have handed out all.
    size: int = 0
    message: Message | None = None

    def __repr__(self) -> str:
        return f"<Delivery {self.id!r} in {self.queue_name}>"

    @property
    def redelivered(self) -> bool:
        """Whether it may have been started: its row is to be looked at before."""
        return self.returned is not None

    @property
    def has_killed(self) -> bool:
        """Whether the process that held it before died, perhaps of it."""
        return self.returned is not None and self.returned.died


class Depth(msgspec.Struct, frozen=True):
    """How many messages of a queue are in each of the three places."""

    delayed: int = 0
    ready: int = 0
    held: int = 0
    #: Whether none of them is handed out.
    paused: bool = False
    #: How many bodies there are beyond these; fewer than none if there are too few.
    astray: int = 0


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)
#: What decoding raises: ValueError for bytes that are no UTF-8 and for integers of too
#: many digits, RecursionError for too many levels.
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


def derive_key(secret: str | bytes) -> SigningKey:
    """Derive the key that signs messages from one of Django's secret keys."""
    secret = secret.encode() if isinstance(secret, str) else secret
    return SigningKey(hmac.digest(secret, b"taskhub.messages", "sha256"))


def seal(message: Message, key: bytes) -> bytes:
    """Encode and sign a message."""
    payload = _encoder.encode(message)
    return VERSION + hmac.digest(key, VERSION + payload, "sha256") + payload


def max_message_bytes(max_argument_bytes: int) -> int:
    """Return how large a message may be: its arguments, and what is around them."""
    return max_argument_bytes + 64 * 1024


def unseal(
    body: bytes, keys: Sequence[bytes], *, max_bytes: int, size: int = 0
) -> Message:
    """
    Verify and decode a sealed message; any of the keys may have signed it.

    `size` is that of the whole, if this is only its beginning.

    Raise BadMessage with the reason if it is too large, of another version, forged,
    or not a message.
    """
    size = max(size, len(body))
    if size > max_bytes:
        raise BadMessage(f"It has {size:,} bytes; at most {max_bytes:,} are taken.")
    if body[:1] != VERSION:
        raise BadMessage(
            f"Its version byte is {body[:1]!r}; this worker reads {VERSION!r}."
        )
    digest, payload = body[1:_HEADER_BYTES], body[_HEADER_BYTES:]
    if not any(
        hmac.compare_digest(hmac.digest(key, VERSION + payload, "sha256"), digest)
        for key in keys
    ):
        raise BadMessage(
            "Its signature does not verify: it was altered, or signed with a key that "
            "is neither SECRET_KEY nor in SECRET_KEY_FALLBACKS."
        )
    try:
        return _decoder.decode(payload)
    except _UNREADABLE as error:
        raise BadMessage(f"It is signed, but not a message: {error}.") from error


def check_place(message: Message, id: str, queue_name: str, backend: str) -> None:
    """
    Raise BadMessage unless a message came as what it says, and to where it belongs.

    It is signed, but may have been moved: whoever may write to the broker can do that.
    """
    if (str(message.id), message.queue_name) != (id, queue_name):
        raise BadMessage(
            f"It is about {message.id} in queue {message.queue_name!r}, but came as "
            f"{id[:200]!a} in {queue_name!r}."
        )
    if message.backend != backend:
        raise BadMessage(
            f"It is for the backend {message.backend!r}, but came to {backend!r}."
        )


def read_unverified(body: bytes) -> Message:
    """
    Decode a message whoever has signed it: to be looked at, and never to be run.

    Raise BadMessage if it is none.
    """
    try:
        return _decoder.decode(body[_HEADER_BYTES:])
    except _UNREADABLE as error:
        raise BadMessage(f"It is not a message: {error}.") from error
