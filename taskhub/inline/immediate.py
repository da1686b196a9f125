"""
`OPTIONS["run"] = "immediately"`: tasks run in the process that enqueues them.

For development without a worker, and for the test suites of other packages. What is due
runs right after its commit; failures are only in the rows. A task that fails is retried
at once, as often as a worker would retry it. What is due later keeps its READY row, and
a worker runs it if the site is set to "workers" again.

A task may enqueue others, which then run inside of it. Beyond a few levels, they run
after it instead, so that a long chain of tasks does not end in a RecursionError.
"""

from collections import deque
from collections.abc import Iterable
from contextvars import ContextVar

import msgspec

from taskhub.conf import Config
from taskhub.execution.interrupts import interrupts_held
from taskhub.inline.runner import InlineRunner, bring_forward
from taskhub.models import Status, TaskResult
from taskhub.models.results.slices import NewResult
from taskhub.outbox import returned_of

_MAX_LEVELS = 10


class _Batch(msgspec.Struct, frozen=True):
    """Rows that one call enqueued."""

    config: Config
    rows: list[TaskResult | NewResult]
    durable: bool


class _Level(msgspec.Struct, frozen=True):
    """How deep runs are nested."""

    number: int
    #: What is left to the outermost call; shared by all levels.
    left: deque[_Batch]


_level: ContextVar[_Level | None] = ContextVar("taskhub.inline_level", default=None)


def run_now(
    config: Config, rows: Iterable[TaskResult | NewResult], *, durable: bool
) -> None:
    """
    Run the messages of due rows of one backend, in the order of the brokers.

    Block until all have ended. Raise what is not an Exception, such as
    KeyboardInterrupt, if a task raises it, and a DatabaseError if the end of a run
    cannot be written; then rows that have not run stay READY.

    If the timeout of the task that has enqueued the rows ends meanwhile, raise its
    TaskTimeout when all have ended.
    """
    batch = _Batch(config, list(rows), durable)
    level = _level.get()
    if level is not None and level.number >= _MAX_LEVELS:
        level.left.append(batch)
        return
    inner = _Level(level.number + 1, level.left) if level else _Level(1, deque())
    reset = _level.set(inner)
    try:
        with interrupts_held():
            _run(batch)
            while level is None and inner.left:
                _run(inner.left.popleft())
    finally:
        _level.reset(reset)


def _run(batch: _Batch) -> None:
    runner = InlineRunner(batch.config)
    for row in sorted(batch.rows, key=lambda row: (-row.priority, row.id)):
        _run_to_its_end(runner, row, durable=batch.durable)
    runner.write_metrics()


def _run_to_its_end(
    runner: InlineRunner, row: TaskResult | NewResult, *, durable: bool
) -> None:
    """Run a row, and make its retries at once."""
    returned = returned_of(row) if isinstance(row, TaskResult) else None
    end = runner.run(row, returned=returned, durable=durable)
    while end.pause is not None:
        waiting = TaskResult.writing.filter(pk=row.id, status=Status.READY).first()
        if waiting is None:
            # A receiver of a signal may have cancelled or deleted it.
            return
        bring_forward(waiting)
        end = runner.run(waiting, returned=returned_of(waiting), durable=durable)
