"""A call that a test expects, compared with the rows of what was enqueued."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from taskhub.exceptions import InvalidArguments, InvalidOption
from taskhub.foundation.nearest import did_you_mean
from taskhub.models import TaskResult
from taskhub.tasks import Task
from taskhub.tasks.arguments import check_fit, signature_of
from taskhub.tasks.calls import Call
from taskhub.tasks.codec import encode_bound
from taskhub.tasks.masking import hides, masked
from taskhub.testing.paths import path_of

#: The columns of a row that a test may compare.
_COLUMNS = ("queue_name", "priority", "backend", "run_after", "expires_at", "meta")
_MAX_NEAR_MISSES = 5


class Expected:
    """
    A task, its arguments, and columns of its row.

    Without arguments, any are expected; `task.bind()` expects none.

    Raise InvalidArguments if the task cannot be called so, InvalidOption for an unknown
    option, and TypeError for what is not a task.
    """

    def __init__(
        self,
        task: Task[..., Any, Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> None:
        known = (*_COLUMNS, "times")
        for name in options:
            if name not in known:
                raise InvalidOption(
                    f"Unknown option {name!r}{did_you_mean(str(name), known)}"
                )
        self._task = task
        self._path = path_of(task)
        self._times = options.get("times")
        self._columns = {name: options[name] for name in _COLUMNS if name in options}
        self._arguments: dict[str, Any] | None = None
        if args and isinstance(args[0], Call) and len(args) == 1 and not kwargs:
            self._arguments = self._by_name(args[0].args, args[0].kwargs)
        elif args or kwargs:
            self._arguments = self._by_name(args, kwargs)

    def check(self) -> None:
        """Raise AssertionError if the call was not enqueued, or not as often."""
        found = self._matching()
        if self._times is None and not found:
            raise AssertionError(f"{self._path} was not enqueued{self._near()}")
        if self._times is not None and len(found) != self._times:
            raise AssertionError(
                f"{self._path} was enqueued {len(found)} times, not {self._times}"
                f"{self._near()}"
            )

    def refute(self) -> None:
        """Raise AssertionError if the call was enqueued."""
        if found := self._matching():
            lines = "".join(f"\n  {_show(row)}" for row in found[:_MAX_NEAR_MISSES])
            raise AssertionError(
                f"{self._path} was enqueued {len(found)} times:{lines}"
            )

    @property
    def _rows(self) -> list[TaskResult]:
        return list(TaskResult.writing.for_task(self._task).order_by("id"))

    def _matching(self) -> list[TaskResult]:
        return [row for row in self._rows if not any(self._differences(row))]

    def _by_name(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return arguments by parameter, as a row would store them."""
        function, takes_context = self._task.func, self._task.takes_context
        check_fit(function, takes_context, args, kwargs)
        bound = signature_of(function, takes_context).bind(*args, **kwargs)
        bound.apply_defaults()
        return {
            name: _as_stored(self._task, name, value)
            for name, value in bound.arguments.items()
        }

    def _differences(self, row: TaskResult) -> Iterator[str]:
        """Yield a clause for each difference between a row and what is expected."""
        if self._arguments is not None:
            yield from self._differing_arguments(row, self._arguments)
        for name, wanted in self._columns.items():
            value = getattr(row, name)
            if wanted != value:
                yield f"{name} is {value!r}, not {wanted!r}"

    def _differing_arguments(
        self, row: TaskResult, expected: Mapping[str, Any]
    ) -> Iterator[str]:
        try:
            values = self._by_name(row.args, row.kwargs)
        except InvalidArguments:
            yield "its arguments do not fit the signature"
            return
        for name, wanted in expected.items():
            if wanted == values[name]:
                continue
            if hides(self._task, name):
                yield f"{name}, which is masked, differs"
            else:
                yield f"{name} is {values[name]!r}, not {wanted!r}"

    def _near(self) -> str:
        """Return the end of a message: the rows that are most similar."""
        rows = [(list(self._differences(row)), row) for row in self._rows]
        missed = [(found, row) for found, row in rows if found]
        if not missed:
            return f".{_others()}"
        missed.sort(key=lambda each: len(each[0]))
        lines = [
            f"\n  {_show(row)}: {'; '.join(found)}"
            for found, row in missed[:_MAX_NEAR_MISSES]
        ]
        more = len(missed) - len(lines)
        if more > 0:
            lines.append(f"\n  and {more} more")
        return f" like this. Similar:{''.join(lines)}"


def _as_stored(task: Task[..., Any, Any], name: str, value: Any) -> Any:
    """Return a value as JSON holds it; objects that only compare, as they are."""
    try:
        return encode_bound(task, name, value)
    except InvalidArguments:
        return value


def _show(row: TaskResult) -> str:
    """Return a row as a call, without masked arguments."""
    args, kwargs = masked(row.task_path, row.args, row.kwargs)
    shown = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    return f"{row.task_path.rpartition('.')[2]}({', '.join(shown)})"


def _others() -> str:
    """Return a sentence that names the tasks that were enqueued."""
    paths = TaskResult.writing.order_by("id").values_list("task_path", flat=True)
    counts = Counter(paths[:1_000])
    if not counts:
        return " No task was."
    names = [f"{path} ({count})" for path, count in counts.most_common(8)]
    return f" Enqueued were: {', '.join(names)}."
