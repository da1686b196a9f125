"""The event loop: a thread that runs `async def` tasks, many at a time."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from threading import BoundedSemaphore, Lock, Thread
from time import monotonic

from asgiref.sync import sync_to_async

from taskhub.execution import Ended, Executor, Run
from taskhub.execution.connections import ConnectionKeeper
from taskhub.worker.running import Running
from taskhub.worker.solitude import Solitude

logger = logging.getLogger(__name__)

#: How long after a task the connections of the thread that serves the loop are looked
#: after: once for many tasks, since each look costs a change of threads.
_TIDY_SECONDS = 1.0


class EventLoop:
    """Takes runs from slots, and hands on how they ended."""

    def __init__(
        self,
        executor: Executor,
        running: Running,
        solitude: Solitude,
        hand_on: Callable[[Ended], None],
        fail: Callable[[Exception], None],
        most: int,
    ) -> None:
        self._executor = executor
        self._running = running
        self._solitude = solitude
        self._hand_on = hand_on
        self._fail = fail
        self._room = BoundedSemaphore(most)
        self._lock = Lock()
        self._under_way = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._keeper = ConnectionKeeper()
        # On the loop: how many runs have begun and not ended, and since when none has.
        self._begun = 0
        self._last_end = 0.0
        self._renewing: asyncio.Future[None] | None = None

    def submit(self, run: Run) -> None:
        """Start a run. Blocks while as many as are allowed are under way."""
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
                # asyncio stops its loop for a SystemExit in any of its tasks; the one
                # that has started that task hears of it, and the others go on.
                logger.warning("A task raised %r on the event loop.", error)

    def _begin(self, run: Run) -> None:
        assert self._loop is not None  # noqa: S101  this runs on it
        task = self._loop.create_task(self._run(run))
        # The loop itself keeps only weak references.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, run: Run) -> None:
        try:
            await self._renew()
            self._begun += 1
            self._running.begin(run)
            ended = await self._executor.arun(run)
            self._running.end(run, partial(self._hand_on, ended))
            if ended.failed:
                # It may have lost the connection that the others use, too.
                await sync_to_async(self._keeper.after)()
        except Exception as error:
            self._fail(error)
        finally:
            await self._end(run)

    async def _renew(self) -> None:
        """After a pause, have connections looked at that may have been lost in it."""
        if self._is_stale():
            look = sync_to_async(self._keeper.before)
            self._renewing = asyncio.ensure_future(look())
        # Those that come in the meantime wait for the same look.
        if self._renewing is not None:
            await self._renewing
            self._renewing = None

    def _is_stale(self) -> bool:
        is_paused = self._begun == 0 and self._renewing is None
        return is_paused and monotonic() - self._last_end > _TIDY_SECONDS

    async def _end(self, run: Run) -> None:
        if run.is_alone:
            await asyncio.to_thread(self._solitude.leave, alone=True)
        else:
            self._solitude.leave(alone=False)
        self._begun -= 1
        self._last_end = monotonic()
        with self._lock:
            self._under_way -= 1
        self._room.release()
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.ensure_future(self._tidy())

    async def _tidy(self) -> None:
        await asyncio.sleep(_TIDY_SECONDS)
        await sync_to_async(self._keeper.after)()

    def is_idle(self) -> bool:
        """Whether every run that was submitted has ended and was handed on."""
        return self._under_way == 0
