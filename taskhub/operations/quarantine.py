"""
What operators do with quarantined messages: inspect them, and push them again.

Workers may accept a message now, because a key is back in SECRET_KEY_FALLBACKS, its
task is registered again, or a limit is higher. The message is pushed unchanged, and
marked as returned, so that a worker looks at its row before running it.

The database broker has only rows, so pushing a message retries its result. With Redis,
this is also done if the message can be verified and its result has failed.
"""

from uuid import UUID

import msgspec

from taskhub.brokers import get_broker
from taskhub.conf import Config, configs
from taskhub.exceptions import BadMessage, UnknownTask
from taskhub.messages import (
    Envelope,
    Message,
    Returned,
    check_place,
    max_message_bytes,
    read_unverified,
    unseal,
)
from taskhub.models import QuarantinedMessage, Status, TaskResult
from taskhub.models.queues import MAX_BODY_BYTES
from taskhub.operations.results.lifecycle import retry
from taskhub.tasks import find_task


class Inspection(msgspec.Struct, frozen=True):
    """The content of a quarantined message, and whether a worker would accept it."""

    #: The unverified content; None if it cannot be read.
    message: Message | None
    #: Why a worker would refuse the message; empty if it would accept it.
    fault: str


def inspect(quarantined: QuarantinedMessage) -> Inspection:
    """Read a message, and check whether a worker would accept it now."""
    message = _read(quarantined)
    try:
        config = _find_config(quarantined, message)
        if not quarantined.body and get_broker(config).lives_in_rows:
            if (row := _find_result(quarantined)) is None:
                return Inspection(message, "Its result was deleted.")
            find_task(row.task_path)
        else:
            find_task(_verify(quarantined, config).task_path)
    except (BadMessage, UnknownTask) as error:
        return Inspection(message, str(error))
    return Inspection(message, "")


def push(quarantined: QuarantinedMessage) -> None:
    """
    Push a message to its queue again, and remove it from quarantine.

    If this process dies in between, the message is pushed and stays in quarantine;
    pushing it again is harmless. Raise BadMessage if it cannot be pushed, and
    BrokerError if the broker is away. In both cases, it stays in quarantine.
    """
    config = _find_config(quarantined, _read(quarantined))
    try:
        verified = _verify(quarantined, config)
    except BadMessage:
        verified = None
    row = _find_result(quarantined)
    is_finished = verified is not None and row is not None and row.is_finished
    if get_broker(config).lives_in_rows or is_finished:
        _retry(quarantined, row)
    else:
        # The priority of an unverified message cannot be trusted.
        _push(quarantined, config, verified.priority if verified else 0)
    QuarantinedMessage.writing.filter(pk=quarantined.pk).delete()


def _read(quarantined: QuarantinedMessage) -> Message | None:
    try:
        return read_unverified(bytes(quarantined.body))
    except BadMessage:
        return None


def _find_config(quarantined: QuarantinedMessage, message: Message | None) -> Config:
    """Return the probable backend of the queue. Raise BadMessage if there is none."""
    queue_name = quarantined.queue_name
    found = [each for each in configs() if not each.queues or queue_name in each.queues]
    if not found:
        raise BadMessage(f"No backend has the queue {queue_name!r} any more.")
    # The row does not name the backend. If there are several, the message may.
    named = [each for each in found if message and each.alias == message.backend]
    return (named or found)[0]


def _retry(quarantined: QuarantinedMessage, row: TaskResult | None) -> None:
    if row is None:
        raise BadMessage(
            f"Its result {quarantined.message_id} was deleted, and this broker needs "
            "it; the message can only be deleted."
        )
    if row.status != Status.FAILED:
        raise BadMessage(
            f"Its result is {row.status}, and only FAILED results can be retried; "
            "delete the message."
        )
    retry(TaskResult.writing.filter(pk=row.pk))


def _push(quarantined: QuarantinedMessage, config: Config, priority: int) -> None:
    message_id = _parse_id(quarantined)
    if message_id is None:
        raise BadMessage("Its id is not a UUID; it can only be deleted.")
    body = bytes(quarantined.body)
    if not body or len(body) >= MAX_BODY_BYTES:
        raise BadMessage("It was not stored completely; it can only be deleted.")
    envelope = Envelope(
        id=message_id,
        queue_name=quarantined.queue_name,
        priority=priority,
        run_after=None,
        body=body,
        returned=Returned(holder="", died=False),
    )
    get_broker(config).push([envelope])


def _verify(quarantined: QuarantinedMessage, config: Config) -> Message:
    """Verify a message as a worker does. Raise BadMessage if it would be refused."""
    max_bytes = max_message_bytes(config.options.max_argument_bytes)
    message = unseal(bytes(quarantined.body), config.signing_keys, max_bytes=max_bytes)
    check_place(message, quarantined.message_id, quarantined.queue_name, config.alias)
    return message


def _find_result(quarantined: QuarantinedMessage) -> TaskResult | None:
    message_id = _parse_id(quarantined)
    if message_id is None:
        return None
    return TaskResult.writing.filter(pk=message_id).first()


def _parse_id(quarantined: QuarantinedMessage) -> UUID | None:
    try:
        return UUID(quarantined.message_id)
    except ValueError:
        return None
