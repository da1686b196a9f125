"""`taskcontrol queue`: pause, resume, drain, move and purge queues."""

from argparse import ArgumentParser

from django.core.management.base import CommandError

from taskhub import operations
from taskhub.management.control.verbs import Nouns, Options, Report, confirm
from taskhub.management.options import add_backend, text
from taskhub.models import QueueState
from taskhub.models.base import results_database
from taskhub.operations.queues import Queue
from taskhub.tasks import find_task

_NAME = ("name", "QUEUE")


def add_verbs(nouns: Nouns) -> None:
    """Add the noun `queue` and its verbs."""
    queue = nouns.add_noun("queue", "Pause, resume, drain, move and purge queues.")
    pause = queue.add_verb(
        "pause", _pause, [_NAME], "Hand out no messages of a queue.", reason="row"
    )
    resume = queue.add_verb("resume", _resume, [_NAME], "Hand out messages again.")
    drain = queue.add_verb(
        "drain", _drain, [_NAME], "Pause a queue when it is empty.", reason="row"
    )
    move = queue.add_verb(
        "move",
        _move,
        [_NAME, ("target", "TARGET")],
        "Move waiting messages to another queue.",
        reason="history",
    )
    purge = queue.add_verb(
        "purge", _purge, [_NAME], "Cancel waiting results.", reason="history"
    )
    for parser in (pause, resume, drain, move, purge):
        add_backend(parser, "The backend of the queue.")
    _add_options_of_move(move)
    purge.add_argument(
        "--no-input", "--noinput", action="store_true", help="Do not ask."
    )


def _add_options_of_move(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--to-backend",
        default="",
        metavar="ALIAS",
        help="The backend of TARGET; that of QUEUE by default.",
    )
    parser.add_argument(
        "--task",
        type=text,
        default="",
        metavar="PATH",
        help="Move only the messages of this task.",
    )


def _pause(options: Options) -> Report:
    queue = _queue(options)
    operations.queues.pause(queue, by=options["who"], reason=options["reason"])
    return Report(f"{queue.name} is paused.", rows=_rows_of(queue))


def _resume(options: Options) -> Report:
    queue = _queue(options)
    operations.queues.resume(queue, by=options["who"])
    return Report(f"{queue.name} is active.", rows=_rows_of(queue))


def _drain(options: Options) -> Report:
    queue = _queue(options)
    operations.queues.drain(queue, by=options["who"], reason=options["reason"])
    is_paused = queue.state.is_paused
    how = "was empty, and is paused" if is_paused else "will be paused when it is empty"
    return Report(f"{queue.name} {how}.", {"paused": is_paused}, _rows_of(queue))


def _move(options: Options) -> Report:
    queue = _queue(options)
    target = Queue(options["target"], options["to_backend"] or queue.backend)
    if target == queue:
        raise CommandError(f"QUEUE and TARGET are both {queue.name}; name another one.")
    path = options["task"] or None
    if path and not queue.waiting.for_task(path).exists():
        # An unregistered task is accepted only if results of it wait in the queue.
        find_task(path)
    count = operations.queues.move(queue, target, task_path=path)
    message = f"Moved {count:,} from {queue.name} to {target.name}."
    return Report(message, {"count": count}, _rows_of(queue))


def _purge(options: Options) -> Report:
    queue = _queue(options)
    waiting = queue.waiting.count()
    confirm(options, f"Cancel {waiting:,} waiting results of {queue.name}?")
    count = operations.queues.purge(queue, by=options["who"])
    message = f"Cancelled {count:,} waiting results of {queue.name}."
    return Report(message, {"count": count}, _rows_of(queue))


def _queue(options: Options) -> Queue:
    return Queue(options["name"], options["backend"])


def _rows_of(queue: Queue) -> list[QueueState]:
    """Return the row that the admin's history refers to, saved if it is new."""
    state = queue.state
    if state.pk is None:
        state.save(using=results_database())
    return [state]
