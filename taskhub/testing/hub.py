"""`TaskHub`: runs tasks in a test, and asserts what was enqueued."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.test.testcases import DatabaseOperationForbidden  # type: ignore[attr-defined]

from taskhub.foundation.clock import clock_set_to, utc_now
from taskhub.models import TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database
from taskhub.models.results.querysets import HasPath
from taskhub.tasks import Task
from taskhub.testing import moments
from taskhub.testing.beats import Beat
from taskhub.testing.due import Due
from taskhub.testing.expected import Expected
from taskhub.testing.paths import path_of
from taskhub.testing.ran import Ran
from taskhub.testing.rounds import Round, Runners, returned_now, under_way

#: After this number of attempts, tasks seem to enqueue each other endlessly.
MAX_ATTEMPTS_OF_A_RUN = 1_000


class TaskHub:
    """
    Runs tasks in a test, as a worker would, and asserts what was enqueued.

    One object is for one test. What it knows is in the rows, and nothing is global, so
    tests may run side by side. The methods raise AssertionError if the test may not use
    the results' database.
    """

    def __init__(self) -> None:
        self._runners = Runners()
        self._beat = Beat()

    def run(
        self,
        task: HasPath | None = None,
        *,
        raises: bool = True,
        limit: int = MAX_ATTEMPTS_OF_A_RUN,
    ) -> Ran:
        """
        Run what is due, of one task or all, until nothing is due; return what was run.

        Run higher priorities first, then older results. Retries are made at once, and
        `Ran.pauses` says how long a worker would have waited; but within `at()`, they
        wait until they are due. Block for the tasks.

        With `raises`, raise the exception of the first result that has failed, after
        nothing is due any more. Raise AssertionError after `limit` attempts, and what
        is not an Exception, such as KeyboardInterrupt, at once.
        """
        _check_database()
        ran = Round(self._runners, task).run(limit)
        if raises:
            ran.raise_first_failure()
        return ran

    async def arun(
        self,
        task: HasPath | None = None,
        *,
        raises: bool = True,
        limit: int = MAX_ATTEMPTS_OF_A_RUN,
    ) -> Ran:
        """Run what is due, in an async test; see run()."""
        return await sync_to_async(self.run)(task, raises=raises, limit=limit)

    def crash(
        self, *, during: HasPath | None = None, after: HasPath | None = None
    ) -> list[TaskResult]:
        """
        Begin the due results of a task, and leave them as a worker that has died does.

        With `during`, the worker died before the task's function did anything. With
        `after`, the function has run, but its outcome was not written: the next run()
        runs it a second time. Return the rows, which wait for another attempt.

        Raise AssertionError if no result of the task is due.
        """
        _check_database()
        task = during or after
        if task is None or (during and after):
            raise TypeError("crash() takes either `during` or `after`.")
        crashed = [
            row.pk
            for row in list(Due(task).find(besides=under_way.get()))
            if _die(row, after_call=after is not None)
        ]
        if not crashed:
            raise AssertionError(f"No result of {path_of(task)} is due.")
        rows = TaskResult.writing.filter(pk__in=crashed)
        rows.update(run_after=utc_now())
        return list(rows.order_by("id"))

    @contextmanager
    def at(self, moment: datetime | str, *, tz: str | None = None) -> Iterator[None]:
        """
        Set taskhub's clock: which results and ticks are due, and what has expired.

        `moment` is a datetime, or text such as "2027-03-28 02:30". Without an offset,
        it is in the time zone `tz`, or else in Django's current one. A local time that
        the clocks skip is the time as much later. Python's clock is not changed.

        Raise ValueError for text that is not a time, or an unknown time zone.
        """
        with clock_set_to(moments.read(moment, tz)):
            yield

    def tick(self) -> list[TaskResult]:
        """
        Fire the schedules that are due, as a beat would, and return the new results.

        Within `at()`, a schedule that this object sees for the first time counts as
        planned a minute before: the runs that it has missed until then are left out.
        Raise a DatabaseError if the database refuses what a beat would write.
        """
        _check_database()
        return self._beat.fire_due()

    def enqueued(self, task: HasPath | None = None) -> TaskResultQuerySet:
        """Return the results of one task or all, whatever their state, oldest first."""
        _check_database()
        rows = TaskResult.writing.order_by("id")
        return rows if task is None else rows.for_task(path_of(task))

    def assert_enqueued(
        self,
        task: Task[..., Any, Any],
        /,
        *args: Any,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """
        Assert that a task was enqueued with these arguments, at least once.

        Values may be `unittest.mock.ANY`, or any object that compares. `options` are
        columns of the row, such as `{"queue_name": "mail"}`, and "times", the exact
        number of results. For a task with a parameter `options`, pass `task.bind(…)`
        as the only argument.

        Raise AssertionError with the most similar results, and InvalidArguments or
        InvalidOption for what can match nothing.
        """
        _check_database()
        Expected(task, args, kwargs, options or {}).check()

    def refute_enqueued(
        self,
        task: Task[..., Any, Any],
        /,
        *args: Any,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """
        Assert that a task was not enqueued: with these arguments, or with any if none.

        Raise AssertionError that shows the results that match.
        """
        _check_database()
        Expected(task, args, kwargs, options or {}).refute()


def _die(row: TaskResult, *, after_call: bool) -> bool:
    # New runners, since each death is that of another worker process.
    runner = Runners().of(row.backend)
    return runner.die(row, returned=returned_now(row), after_call=after_call)


def _check_database() -> None:
    """Raise AssertionError if the current test may not use the results' database."""
    alias = results_database()
    try:
        with connections[alias].cursor():
            return
    except DatabaseOperationForbidden as error:
        raise AssertionError(
            f"taskhub's results are in the database {alias!r}, which this test may not "
            f"use; set databases = {{{alias!r}, …}} in its class, or mark it with "
            f"@pytest.mark.django_db(databases=[{alias!r}, …])."
        ) from error
