"""
What operators do with quarantined messages: look at them, and push them once more.

A message may be good by now: a key is back in SECRET_KEY_FALLBACKS, a task is known
again, a limit is higher. It goes to its queue as it came, and as one that came back, so
that whoever gets it looks at its row before running it. What is refused again is
quarantined again.

Where a broker lives in the rows, a message is a row, and has no bytes to push. What is
quarantined there is of a result that has failed for it, and that is tried again. The
same goes elsewhere for a message that verifies, if its result has failed meanwhile.
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
    most_bytes_of,
    read_unverified,
    unseal,
)
from taskhub.models import QuarantinedMessage, Status, TaskResult
from taskhub.models.queues import MOST_OF_A_BODY
from taskhub.operations.results.lifecycle import retry
from taskhub.tasks import find_task


class Inspected(msgspec.Struct, frozen=True):
    """What can be told of a quarantined message."""

    #: What it says, whoever has signed it; None if it cannot be read.
    message: Message | None
    #: Why a worker would refuse it now, too; empty if it would not.
    fault: str


def inspect(quarantined: QuarantinedMessage) -> Inspected:
    """Say what is in a message, and whether a worker would take it now."""
    message = _read(quarantined)
    try:
        config = _config_of(quarantined, message)
        if not quarantined.body and get_broker(config).lives_in_rows:
            _check_task(_result_of(quarantined))
        else:
            find_task(_verify(quarantined, config).task_path)
    except (BadMessage, UnknownTask) as error:
        return Inspected(message, str(error))
    return Inspected(message, "")


def push(quarantined: QuarantinedMessage) -> None:
    """
    Push a message to its queue once more, and take it out of quarantine.

    Raise BadMessage, with the reason, if it cannot be pushed, and BrokerError if the
    broker is away; it stays in quarantine then. If this process dies in between, it is
    pushed and stays: to push it again does no harm.
    """
    config = _config_of(quarantined, _read(quarantined))
    verified = _verified(quarantined, config)
    row = _result_of(quarantined)
    has_ended = verified is not None and row is not None and row.is_finished
    if get_broker(config).lives_in_rows or has_ended:
        _retry(quarantined, row)
    else:
        # Of what anybody may have written, nothing is taken for true.
        _push(quarantined, config, verified.priority if verified else 0)
    QuarantinedMessage.writing.filter(pk=quarantined.pk).delete()


def _read(quarantined: QuarantinedMessage) -> Message | None:
    try:
        return read_unverified(bytes(quarantined.body))
    except BadMessage:
        return None


def _verified(quarantined: QuarantinedMessage, config: Config) -> Message | None:
    try:
        return _verify(quarantined, config)
    except BadMessage:
        return None


def _config_of(quarantined: QuarantinedMessage, message: Message | None) -> Config:
    """Return the backend whose queue it came from, as far as that can be told."""
    queue_name = quarantined.queue_name
    found = [each for each in configs() if not each.queues or queue_name in each.queues]
    if not found:
        raise BadMessage(f"No backend has a queue {queue_name!r} any more.")
    # The row does not say of which backend; of several, the message may know.
    named = [each for each in found if message and each.alias == message.backend]
    return (named or found)[0]


def _retry(quarantined: QuarantinedMessage, row: TaskResult | None) -> None:
    if row is None:
        raise BadMessage(
            f"There is no result {quarantined.message_id} any more, and on this broker "
            "no message without one; it can only be deleted."
        )
    if row.status != Status.FAILED:
        raise BadMessage(
            f"Its result is {row.status}: there is nothing to push; it can be deleted."
        )
    retry(TaskResult.writing.filter(pk=row.pk))


def _push(quarantined: QuarantinedMessage, config: Config, priority: int) -> None:
    message_id = _id_of(quarantined)
    if message_id is None:
        raise BadMessage("Its id is none of taskhub's; it can only be deleted.")
    body = bytes(quarantined.body)
    if not body or len(body) >= MOST_OF_A_BODY:
        raise BadMessage("Not all of its bytes are kept; it can only be deleted.")
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
    """Return what a worker would run. Raise BadMessage if it would not."""
    most = most_bytes_of(config.options.max_argument_bytes)
    message = unseal(bytes(quarantined.body), config.signing_keys, max_bytes=most)
    check_place(message, quarantined.message_id, quarantined.queue_name, config.alias)
    return message


def _check_task(row: TaskResult | None) -> None:
    if row is None:
        raise BadMessage("Its result is not there any more.")
    find_task(row.task_path)


def _result_of(quarantined: QuarantinedMessage) -> TaskResult | None:
    message_id = _id_of(quarantined)
    return (
        None if message_id is None else TaskResult.writing.filter(pk=message_id).first()
    )


def _id_of(quarantined: QuarantinedMessage) -> UUID | None:
    try:
        return UUID(quarantined.message_id)
    except ValueError:
        return None
