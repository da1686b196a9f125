"""Selections of results, as values that can be stored."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.utils import timezone

from taskhub.exceptions import InvalidOption
from taskhub.foundation.nearest import did_you_mean
from taskhub.foundation.values import is_storable_text
from taskhub.models import Status, TaskResult, TaskResultQuerySet
from taskhub.operations.results.search import read_words, search

#: Names for groups of statuses.
UNFINISHED, FINISHED = "unfinished", "finished"
MAX_YEAR = 2999
_STATUSES = (*Status.values, UNFINISHED, FINISHED)


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Conditions that results must meet. An empty selection means all results.

        Selection(status="FAILED", task_path="shop.tasks.charge").results()
    """

    ids: tuple[UUID, ...] = ()
    #: A Status, "unfinished" or "finished".
    status: str = ""
    task_path: str = ""
    queue_name: str = ""
    #: See `TaskResult.cause`.
    cause: str = ""
    #: The exception and place of the cause, for display only.
    cause_in_words: str = ""
    periodic_task: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    parent: UUID | None = None
    enqueued_from: datetime | None = None
    enqueued_before: datetime | None = None
    #: See `taskhub.operations.results.search.search()`.
    search: str = ""

    def __post_init__(self) -> None:
        if self.status and self.status not in _STATUSES:
            raise InvalidOption(
                f"There is no status {self.status!r}"
                f"{did_you_mean(self.status, _STATUSES)}"
            )
        for name in ("task_path", "queue_name", "cause", "cause_in_words"):
            if not is_storable_text(value := getattr(self, name)):
                raise InvalidOption(
                    f"The {name} {value!r} contains a NUL or a surrogate; remove this "
                    "character."
                )
        for moment in (self.enqueued_from, self.enqueued_before):
            if moment is not None and not _is_moment(moment):
                raise InvalidOption(
                    f"Expected an aware datetime from 1970 to {MAX_YEAR}, not "
                    f"{moment!r}."
                )
        read_words(self.search)

    def results(self) -> TaskResultQuerySet:
        """Return the selected results."""
        return self.of(TaskResult.writing.all())

    def of(self, results: TaskResultQuerySet) -> TaskResultQuerySet:
        """Return those of `results` that are selected."""
        for name, add_filter in _FILTERS.items():
            if value := getattr(self, name):
                results = add_filter(results, value)
        return results

    def until_now(self) -> Self:
        """Return a copy without the results that are enqueued from now on."""
        # Ids have a precision of one millisecond. Include the current millisecond.
        now = timezone.now() + timedelta(milliseconds=1)
        before = min(self.enqueued_before or now, now)
        return msgspec.structs.replace(self, enqueued_before=before)

    def to_json(self) -> dict[str, Any]:
        """Return the selection as JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """Return a selection from `to_json()`. Raise InvalidOption if it is not one."""
        try:
            return msgspec.convert(plain, cls)
        except (msgspec.ValidationError, RecursionError) as error:
            raise InvalidOption(f"Not a selection of results: {error}") from error


def _is_moment(moment: datetime) -> bool:
    """Return whether a datetime is aware, and far from the ends of the calendar."""
    return moment.tzinfo is not None and 1970 <= moment.year <= MAX_YEAR


def is_restricted(rows: QuerySet[Any]) -> bool:
    """Return whether a queryset may leave out rows of its table."""
    query = rows.query
    return bool(query.where) or query.is_sliced or query.combinator is not None


def _with_status(results: TaskResultQuerySet, status: str) -> TaskResultQuerySet:
    methods = {
        UNFINISHED: results.unfinished,
        FINISHED: results.finished,
        Status.READY: results.ready,
        Status.RUNNING: results.running,
        Status.ON_HOLD: results.on_hold,
        Status.SUCCESSFUL: results.successful,
        Status.FAILED: results.failed,
        Status.CANCELLED: results.cancelled,
    }
    return methods[status]()


_FILTERS: dict[str, Callable[[TaskResultQuerySet, Any], TaskResultQuerySet]] = {
    "ids": lambda results, ids: results.filter(pk__in=ids),
    "task_path": TaskResultQuerySet.for_task,
    "queue_name": TaskResultQuerySet.in_queue,
    "cause": lambda results, cause: results.failed().filter(cause=cause),
    "periodic_task": lambda results, pk: results.filter(periodic_task=pk),
    "parent": lambda results, pk: results.filter(parent_id=pk),
    "enqueued_from": lambda results, moment: results.since(moment),
    "enqueued_before": lambda results, moment: results.before(moment),
    "status": _with_status,
    # The search is last, because it covers only the newest of the remaining results.
    "search": search,
}
