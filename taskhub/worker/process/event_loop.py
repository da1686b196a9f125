"""The event loop: a thread that runs `async def` tasks, many at a time."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from threading import BoundedSemaphore, Lock, Thread

from asgiref.sync import sync_to_async

from taskhub.execution import Executor, Run
from taskhub.execution.isolation.connections import ConnectionKeeper
from taskhub.worker.process.exclusive_runs import ExclusiveRuns
from taskhub.worker.process.running import Running
from taskhub.writer import Ended

logger = logging.getLogger(__name__)


class EventLoop:
    """Runs what slots submit. Calls `hand_on` with the end of each delivery."""

    def __init__(
        self,
        executor: Executor,
        running: Running,
        exclusive_runs: ExclusiveRuns,
        hand_on: Callable[[Ended], None],
        check_limits: Callable[[], None],
        fail: Callable[[Exception], None],
        max_runs: int,
    ) -> None:
        self._executor = executor
        self._running = running
        self._exclusive_runs = exclusive_runs
        self._hand_on = hand_on
        self._check_limits = check_limits
        self._fail = fail
        self._room = BoundedSemaphore(max_runs)
        self._lock = Lock()
        self._under_way = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # Keeps the connections of the one thread in which Django's ORM serves all runs
        # on the loop. `_is_kept` says whether it has begun.
        self._keeper = ConnectionKeeper()
        self._is_kept = False
        # The number of runs that have begun and not ended. Used on the loop only.
        self._begun = 0

    def submit(self, run: Run) -> None:
        """Start a run. Block while the maximum number of runs is under way."""
        self._room.acquire()
        with self._lock:
            self._under_way += 1
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                Thread(target=self._serve, name="event-loop", daemon=True).start()
        self._loop.call_soon_threadsafe(self._begin, run)

    def _serve(self) -> None:
        assert self._loop is not None  # noqa: S101  this runs it
        while True:
            try:
                self._loop.run_forever()
            except BaseException as error:
                # A SystemExit in a task stops the loop. Restart it for the other tasks.
                logger.warning("A task raised %r on the event loop.", error)

    def _begin(self, run: Run) -> None:
        assert self._loop is not None  # noqa: S101  this runs on it
        task = self._loop.create_task(self._run(run))
        # The loop itself keeps only weak references.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, run: Run) -> None:
        try:
            self._begun += 1
            if not self._is_kept:
                self._is_kept = True
                await sync_to_async(self._keeper.before)()
            self._running.begin(run)
            ended = await self._executor.arun(run)
            self._running.end(run, partial(self._hand_on, ended))
            self._check_limits()
            await self._look_after_connections(ended)
        except Exception as error:
            self._fail(error)
        finally:
            await self._end(run)

    async def _look_after_connections(self, ended: Ended) -> None:
        # Runs side by side share connections, which are reset when the last run ends.
        if self._begun > 1:
            if ended.failed or ended.was_interrupted:
                await sync_to_async(self._keeper.mend)()
        elif self._keeper.has_open:
            await sync_to_async(self._keeper.after)()

    async def _end(self, run: Run) -> None:
        if run.is_exclusive:
            await asyncio.to_thread(self._exclusive_runs.leave, exclusive=True)
        else:
            self._exclusive_runs.leave(exclusive=False)
        self._begun -= 1
        with self._lock:
            self._under_way -= 1
        self._room.release()

    def is_idle(self) -> bool:
        """Whether every submitted run has ended and was handed on."""
        return self._under_way == 0
