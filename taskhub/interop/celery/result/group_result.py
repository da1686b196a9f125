"""`ResultSet`, several results, and `GroupResult`, those of a group."""

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any

from taskhub.interop.celery import database
from taskhub.interop.celery.result.async_result import AsyncResult


class ResultSet:
    """Several results, in their order."""

    def __init__(self, results: Iterable[AsyncResult], **ignored: Any) -> None:
        self.results = list(results)

    def add(self, result: AsyncResult) -> None:
        """Add a result, unless it is there."""
        if result not in self.results:
            self.results.append(result)

    def ready(self) -> bool:
        """Whether all tasks have finished."""
        return all(each.ready() for each in self.results)

    def successful(self) -> bool:
        """Whether all tasks were successful."""
        return all(each.successful() for each in self.results)

    def failed(self) -> bool:
        """Whether a task has failed."""
        return any(each.failed() for each in self.results)

    def waiting(self) -> bool:
        """Whether a task has not finished."""
        return not self.ready()

    def completed_count(self) -> int:
        """Return how many tasks were successful."""
        return sum(each.successful() for each in self.results)

    def join(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        callback: Callable[[str, Any], object] | None = None,
        **options: Any,
    ) -> list[Any]:
        """
        Wait for all tasks, up to `timeout` seconds in all; see AsyncResult.get().

        Return their values. With a `callback`, which is called with the id and the
        value of each, return an empty list, as Celery does.
        """
        end = None if timeout is None else monotonic() + timeout
        values = []
        for each in self.results:
            left = None if end is None else max(0.0, end - monotonic())
            values.append(each.get(left, propagate, callback=callback, **options))
        return values if callback is None else []

    get = join_native = join

    def revoke(self, terminate: bool = False, **ignored: Any) -> None:
        """Cancel all results."""
        ids = [each.id for each in self.results]
        database.cancel(ids, by_force=terminate, reason="It was revoked.")

    def forget(self) -> None:
        """Delete the rows of finished results."""
        for each in self.results:
            each.forget()

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[AsyncResult]:
        return iter(self.results)

    def __getitem__(self, index: int) -> AsyncResult:
        return self.results[index]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: [{', '.join(map(str, self.results))}]>"


class GroupResult(ResultSet):
    """The results of a group, in the order of its signatures."""

    def __init__(
        self,
        id: str | None = None,
        results: Iterable[AsyncResult] = (),
        **ignored: Any,
    ) -> None:
        super().__init__(results)
        self.id = id

    @property
    def children(self) -> list[AsyncResult]:
        return self.results

    def __repr__(self) -> str:
        return f"<GroupResult: {self.id} [{', '.join(map(str, self.results))}]>"
