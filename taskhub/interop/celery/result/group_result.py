"""`GroupResult`: the results of a group."""

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

from taskhub.interop.celery import database
from taskhub.interop.celery.result.async_result import AsyncResult


class GroupResult:
    """The results of a group, in the order of its signatures."""

    def __init__(
        self,
        id: str | None = None,
        results: Sequence[AsyncResult] = (),
    ) -> None:
        self.id = id
        self.results = list(results)

    @property
    def children(self) -> list[AsyncResult]:
        return self.results

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
        self, timeout: float | None = None, propagate: bool = True, **options: Any
    ) -> list[Any]:
        """Wait for all tasks, up to `timeout` seconds in all; see AsyncResult.get()."""
        end = None if timeout is None else monotonic() + timeout
        values = []
        for each in self.results:
            left = None if end is None else max(0.0, end - monotonic())
            values.append(each.get(left, propagate, **options))
        return values

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
        return f"<GroupResult: {self.id} [{', '.join(map(str, self.results))}]>"
