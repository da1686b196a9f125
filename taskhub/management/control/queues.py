"""What can be done to queues from the command line."""

from django.core.management.base import CommandError

from taskhub import operations
from taskhub.management.control.control import Control, Options, Told
from taskhub.models import QueueState
from taskhub.models.base import results_database
from taskhub.operations.queues import Queue
from taskhub.tasks import find_task


def _pause(names: list[str], options: Options) -> Told:
    queue = Queue(names[0], options["backend"])
    operations.queues.pause(queue, by=options["who"], reason=options["reason"])
    return Told(f"{queue.name} is paused.", rows=_rows_of(queue))


def _resume(names: list[str], options: Options) -> Told:
    queue = Queue(names[0], options["backend"])
    operations.queues.resume(queue, by=options["who"])
    return Told(f"{queue.name} goes on.", rows=_rows_of(queue))


def _drain(names: list[str], options: Options) -> Told:
    queue = Queue(names[0], options["backend"])
    operations.queues.drain(queue, by=options["who"], reason=options["reason"])
    is_paused = queue.state.is_paused
    how = "was empty, and is paused" if is_paused else "is paused when it is empty"
    return Told(f"{queue.name} {how}.", {"paused": is_paused}, _rows_of(queue))


def _move(names: list[str], options: Options) -> Told:
    queue = Queue(names[0], options["backend"])
    target = Queue(names[1], options["to_backend"] or queue.backend)
    if target == queue:
        raise CommandError(f"It is in {queue.name} already; name another queue.")
    path = options["task"] or None
    if path and not queue.waiting.for_task(path).exists():
        # A task that is not known here may wait there; if not, it is a slip.
        find_task(path)
    count = operations.queues.move(queue, target, task_path=path)
    said = f"{count:,} moved from {queue.name} to {target.name}."
    return Told(said, {"count": count}, _rows_of(queue))


def _purge(names: list[str], options: Options) -> Told:
    queue = Queue(names[0], options["backend"])
    count = operations.queues.purge(queue, by=options["who"])
    said = f"{count:,} cancelled that waited in {queue.name}."
    return Told(said, {"count": count}, _rows_of(queue))


def _count_waiting(names: list[str], options: Options) -> int:
    return Queue(names[0], options["backend"]).waiting.count()


def _rows_of(queue: Queue) -> list[QueueState]:
    """Return the row that has its history; a new one if it has none yet."""
    state = queue.state
    if state.pk is None:
        state.save(using=results_database())
    return [state]


CONTROLS = {
    "pause": Control(
        "QUEUE",
        "Hand nothing out of a queue.",
        _pause,
        ("backend", "reason"),
        keeps_reason=True,
    ),
    "resume": Control("QUEUE", "Do so again.", _resume, ("backend",)),
    "drain": Control(
        "QUEUE",
        "Pause it when it is empty.",
        _drain,
        ("backend", "reason"),
        keeps_reason=True,
    ),
    "move": Control(
        "QUEUE TARGET",
        "Move what waits to another queue.",
        _move,
        ("backend", "to_backend", "task", "reason"),
    ),
    "purge": Control(
        "QUEUE",
        "Cancel what waits.",
        _purge,
        ("backend", "reason", "no_input"),
        count=_count_waiting,
    ),
}
