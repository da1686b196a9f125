"""
Messages that brokers carry, versioned and signed.

A sealed message is one version byte, 32 bytes of HMAC-SHA256 over the rest, and the
message as a JSON array: arguments may be integers that are too large for msgpack. A
broker reads only the id, queue, priority and due time, which are in the `Envelope`.

Logs and error trackers show the repr() of objects. The repr() of these classes shows
neither arguments nor keys.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from taskhub.exceptions import BadMessage

#: The first byte of sealed messages. It changes if older workers cannot read new ones.
VERSION = b"\x01"
_DIGEST_BYTES = 32
_HEADER_BYTES = len(VERSION) + _DIGEST_BYTES
#: The longest token of a worker process.
_MAX_HOLDER_LENGTH = 100


class SigningKey(bytes):
    """A key that signs messages."""

    def __repr__(self) -> str:
        return "<SigningKey>"


class Extra(msgspec.Struct, frozen=True, omit_defaults=True):
    """What only few messages carry; the column `TaskResult.extra` has the same keys."""

    #: Values by the paths of the classes in OPTIONS["context"] that captured them.
    context: dict[str, Any] | None = None
    #: Types of arguments without an annotation, by position; see tasks/codec.
    types: dict[str, str] | None = None

    @classmethod
    def read(cls, stored: dict[str, Any] | None) -> "Extra | None":
        """Return the value of the column; None if it is empty or not valid."""
        try:
            return msgspec.convert(stored, cls) if stored else None
        except msgspec.ValidationError:
            return None

    def store(self) -> dict[str, Any]:
        """Return the value for the column."""
        stored: dict[str, Any] = msgspec.to_builtins(self)
        return stored


class Message(msgspec.Struct, array_like=True, frozen=True):
    """
    An enqueued task, with everything that is needed to run it and to write its row.

    New fields are added at the end with defaults, so that older messages stay readable.
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
    #: False if the row is only written when the task has finished.
    durable: bool = True
    meta: dict[str, Any] = {}
    #: The tick for which a schedule has fired it.
    tick_at: datetime | None = None
    extra: Extra | None = None

    def __repr__(self) -> str:
        return f"<Message {self.id} of {self.task_path}>"


class Returned(msgspec.Struct, frozen=True):
    """How a message came back to its broker after it was handed out."""

    #: The token that held it.
    holder: str
    #: Whether the holder died or fell silent. If not, it left the task unfinished.
    died: bool

    @property
    def text(self) -> str:
        """The text that brokers store."""
        return f"{'died' if self.died else 'left'} {self.holder}"

    @classmethod
    def parse(cls, text: str) -> "Returned | None":
        """
        Parse the text that a broker has stored; return None if it is empty.

        The text is not signed. Invalid text counts as left unfinished, so that a worker
        checks the row before it runs the message.
        """
        if not text:
            return None
        how, _space, holder = text.partition(" ")
        if how not in ("died", "left") or len(holder) > _MAX_HOLDER_LENGTH:
            return cls("", died=False)
        return cls(holder, how == "died") if holder.isprintable() else cls("", False)


class Envelope(msgspec.Struct, frozen=True):
    """A message for a broker to store."""

    id: UUID
    queue_name: str
    #: -100 to 100; higher goes first.
    priority: int
    #: None means now.
    run_after: datetime | None
    #: Empty for a broker whose messages are rows.
    body: bytes = b""
    #: How the message came back; None if it cannot have been started.
    returned: Returned | None = None

    def __repr__(self) -> str:
        return f"<Envelope {self.id} in {self.queue_name}>"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a broker hands out, sealed or as a Message."""

    id: str
    queue_name: str
    #: How the message came back from its former holder; None if there was none.
    returned: Returned | None = None
    body: bytes = b""
    #: The size of the whole body in bytes. `body` may be only its beginning.
    size: int = 0
    message: Message | None = None

    def __repr__(self) -> str:
        return f"<Delivery {self.id!r} in {self.queue_name}>"

    @property
    def redelivered(self) -> bool:
        """Whether the message may have been started; if so, check its row first."""
        return self.returned is not None

    @property
    def has_killed(self) -> bool:
        """Whether the former holder died, perhaps because of this message."""
        return self.returned is not None and self.returned.died


class Depth(msgspec.Struct, frozen=True):
    """How many messages of a queue are in each place."""

    delayed: int = 0
    ready: int = 0
    held: int = 0
    #: Whether the queue is paused.
    paused: bool = False
    #: How many bodies have no place; below 0, how many places have no body.
    astray: int = 0


def _encode(value: object) -> str:
    """
    Encode a datetime of a subclass: msgspec encodes only datetimes of the class itself.

    freezegun and pendulum have such subclasses. Raise TypeError for other objects.
    """
    if isinstance(value, datetime):
        return value.isoformat()
    # Without the value: messages hold what must not be shown.
    raise TypeError(f"A message cannot carry an object of {type(value).__name__}.")


_encoder = msgspec.json.Encoder(enc_hook=_encode)
_decoder = msgspec.json.Decoder(Message)
#: The errors of decoding: ValueError for bytes that are not UTF-8 and for integers of
#: too many digits, RecursionError for too many levels.
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


def derive_key(secret: str | bytes) -> SigningKey:
    """Derive the signing key from one of Django's secret keys."""
    secret = secret.encode() if isinstance(secret, str) else secret
    return SigningKey(hmac.digest(secret, b"taskhub.messages", "sha256"))


def seal(message: Message, key: bytes) -> bytes:
    """Encode and sign a message."""
    payload = _encoder.encode(message)
    return VERSION + hmac.digest(key, VERSION + payload, "sha256") + payload


def max_message_bytes(max_argument_bytes: int) -> int:
    """Return the maximum size of a message in bytes, with all of its fields."""
    return max_argument_bytes + 64 * 1024


def unseal(
    body: bytes, keys: Sequence[bytes], *, max_bytes: int, size: int = 0
) -> Message:
    """
    Verify and decode a sealed message that any of the keys has signed.

    `size` is the size of the whole message in bytes, if `body` is only a part of it.

    Raise BadMessage if it is too large, of another version, forged, or not a message.
    """
    size = max(size, len(body))
    if size > max_bytes:
        raise BadMessage(f"It has {size:,} bytes; at most {max_bytes:,} are allowed.")
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
    Raise BadMessage if a message came with another id, or in another queue or backend.

    The signature does not prevent this: a user of the broker can move messages.
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
    Decode a message without verifying it. It must not be run.

    Raise BadMessage if it cannot be decoded.
    """
    try:
        return _decoder.decode(body[_HEADER_BYTES:])
    except _UNREADABLE as error:
        raise BadMessage(f"It is not a message: {error}.") from error
