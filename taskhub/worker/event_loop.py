"""The event loop: a thread that runs `async def` tasks, many at a time."""

import asyncio
from collections.abc import Callable
from threading import BoundedSemaphore, Lock, Thread

from asgiref.sync import sync_to_async

from taskhub.execution import Ended, Executor, Run
from taskhub.execution.connections import ConnectionKeeper
from taskhub.worker.running import Running

#: How long after a task the connections of the thread that serves the loop are looked
#: after: once for many tasks, since each look costs a change of threads.
_TIDY_SECONDS = 1.0


class EventLoop:
    """Takes runs from slots, and hands on how they ended."""

    def __init__(
        self,
        executor: Executor,
        running: Running,
        hand_on: Callable[[Ended], None],
        fail: Callable[[Exception], None],
        most: int,
    ) -> None:
        self._executor = executor
        self._running = running
        self._hand_on = hand_on
        self._fail = fail
        self._room = BoundedSemaphore(most)
        self._lock = Lock()
        self._under_way = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._keeper = ConnectionKeeper()

    def submit(self, run: Run) -> None:
        """Start a run. Blocks while as many as are allowed are under way."""
        self._room.acquire()
        with self._lock:
            self._under_way += 1
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                Thread(
                    target=self._loop.run_forever, name="event-loop", daemon=True
                ).start()
        self._loop.call_soon_threadsafe(self._begin, run)

    def _begin(self, run: Run) -> None:
        assert self._loop is not None  # noqa: S101  this runs on it
        task = self._loop.create_task(self._run(run))
        # The loop itself keeps only weak references.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, run: Run) -> None:
        self._running.begin(run)
        try:
            self._hand_on(await self._executor.arun(run))
        except Exception as error:
            self._fail(error)
        self._running.end(run)
        with self._lock:
            self._under_way -= 1
        self._room.release()
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy())

    async def _tidy(self) -> None:
        await asyncio.sleep(_TIDY_SECONDS)
        await sync_to_async(self._keeper.after)()

    def is_idle(self) -> bool:
        """Whether every run that was submitted has ended and was handed on."""
        return self._under_way == 0
