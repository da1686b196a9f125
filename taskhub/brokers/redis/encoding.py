"""The encoding of envelopes and ids in Redis."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from taskhub.messages import Delivery, Envelope, Returned

#: How many messages one script handles. Redis runs one script at a time.
BATCH = 500
#: How many bytes of messages one push sends, roughly.
_MAX_BATCH_BYTES = 4 * 1024 * 1024

_HEAD = re.compile(rb"[0-9]+:([^\n]*)\n")


def pushed(envelopes: Sequence[Envelope]) -> Iterator[list[Any]]:
    """Yield arguments of push.lua, in batches of a limited length and size."""
    arguments: list[Any] = []
    size = 0
    for envelope in envelopes:
        due = envelope.run_after
        arguments += (
            str(envelope.id),
            _packed(envelope),
            int(due.timestamp() * 1000) if due else 0,
        )
        size += len(envelope.body)
        if len(arguments) >= 3 * BATCH or size >= _MAX_BATCH_BYTES:
            yield arguments
            arguments, size = [], 0
    if arguments:
        yield arguments


def _packed(envelope: Envelope) -> bytes:
    """Return a message as it is stored; prelude.lua has the format."""
    returned = envelope.returned.text if envelope.returned else ""
    return b"%d:%b\n%b" % (_rank(envelope), to_bytes(returned), envelope.body)


def deliveries_of(
    queue_name: str, fields: Sequence[Any], since_ms: int
) -> Iterator[Delivery]:
    """
    Yield the deliveries in a reply of reserve.lua.

    `fields` has each message's id, first bytes and size; for `since_ms` see outdated().
    """
    for raw_id, stored, size in zip(*[iter(fields)] * 3, strict=True):
        returned, body = unpacked(stored)
        yield Delivery(
            id=to_text(raw_id),
            queue_name=queue_name,
            returned=returned or outdated(raw_id, since_ms),
            body=body,
            size=len(body) + size - len(stored),
        )


def unpacked(stored: bytes) -> tuple[Returned | None, bytes]:
    """
    Return how a stored message came back (None if it did not), and its body.

    Bytes in another format are returned as the body, to be quarantined.
    """
    found = _HEAD.match(stored)
    if found is None:
        return None, stored
    return Returned.parse(to_text(found[1])), stored[found.end() :]


def _rank(envelope: Envelope) -> int:
    """
    Return a number that is lower for a higher priority, then for an older id.

    The first 48 bits of a UUIDv7 are milliseconds. Redis sorts members of the same rank
    by their bytes, so also by age. Ranks are below 2**53, as scores must be.
    """
    return (100 - envelope.priority << 44) + (envelope.id.int >> 80)


def outdated(raw_id: bytes, since_ms: int) -> Returned | None:
    """
    Return that a message came back, if it is older than this run of the server.

    It may have been run and deleted, and the restarted server may not know that. Return
    None for a newer message, and if `since_ms` is 0: the server was not restarted.
    """
    made_ms = raw_id[:13].replace(b"-", b"")
    try:
        is_older = since_ms > 0 and int(made_ms, 16) <= since_ms
    except ValueError:
        # This is not an id of taskhub; the message is quarantined anyway.
        return None
    return Returned(holder="", died=False) if is_older else None


def batches(ids: Collection[str]) -> Iterator[list[bytes]]:
    """Yield ids as bytes, in batches that one script handles."""
    listed = [to_bytes(each) for each in ids]
    for start in range(0, len(listed), BATCH):
        yield listed[start : start + BATCH]


def to_text(raw: bytes) -> str:
    """Return an id as text. A foreign id may be any bytes, which are preserved."""
    return raw.decode(errors="surrogateescape")


def to_bytes(text: str) -> bytes:
    """Return an id as bytes for Redis."""
    return text.encode(errors="surrogateescape")
