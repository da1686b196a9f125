"""Selections: which results are meant, as a value that can be stored and sent."""

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

#: Words for several statuses at once.
UNFINISHED, FINISHED = "unfinished", "finished"
_LAST_YEAR = 2999
_STATUSES = (*Status.values, UNFINISHED, FINISHED)


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    What results have to be like to be meant; empty means all.

        Selection(status="FAILED", task_path="shop.tasks.charge").results()
    """

    ids: tuple[UUID, ...] = ()
    #: A Status, "unfinished" or "finished".
    status: str = ""
    task_path: str = ""
    queue_name: str = ""
    #: See `TaskResult.cause`.
    cause: str = ""
    #: What the cause is called, for people: results are not narrowed by it.
    cause_in_words: str = ""
    periodic_task: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    parent: UUID | None = None
    enqueued_from: datetime | None = None
    enqueued_before: datetime | None = None
    #: As in the admin: ids, tasks, `name=value` of arguments, pieces of their text.
    search: str = ""

    def __post_init__(self) -> None:
        if self.status and self.status not in _STATUSES:
            raise InvalidOption(
                f"There is no status {self.status!r}"
                f"{did_you_mean(self.status, _STATUSES)}"
            )
        for name in ("task_path", "queue_name", "cause", "cause_in_words"):
            if not is_storable_text(value := getattr(self, name)):
                raise InvalidOption(f"No {name} is {value!r}: no text has a NUL in it.")
        for moment in (self.enqueued_from, self.enqueued_before):
            if moment is not None and not _is_moment(moment):
                raise InvalidOption(
                    f"Expected an aware datetime from 1970 to 2999, not {moment!r}."
                )
        read_words(self.search)

    def results(self) -> TaskResultQuerySet:
        """Return the results that are meant now."""
        return self.of(TaskResult.writing.all())

    def of(self, results: TaskResultQuerySet) -> TaskResultQuerySet:
        """Return those of some results that are meant now."""
        for name, narrow in _NARROWED_BY.items():
            if value := getattr(self, name):
                results = narrow(results, value)
        return results

    def until_now(self) -> Self:
        """The same, without what is enqueued from now on."""
        # Ids are told apart by the millisecond: those of this one are meant.
        now = timezone.now() + timedelta(milliseconds=1)
        before = min(self.enqueued_before or now, now)
        return msgspec.structs.replace(self, enqueued_before=before)

    def to_json(self) -> dict[str, Any]:
        """Return it in JSON's own types."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """Read what `to_json` has returned. Raise InvalidOption for anything else."""
        try:
            return msgspec.convert(plain, cls)
        except (msgspec.ValidationError, RecursionError) as error:
            raise InvalidOption(f"This selects no results: {error}") from error


def _is_moment(moment: datetime) -> bool:
    """Whether it can be reckoned with, at the ends of the calendar, too."""
    return moment.tzinfo is not None and 1970 <= moment.year <= _LAST_YEAR


def is_restricted(rows: QuerySet[Any]) -> bool:
    """Whether a queryset may leave out rows of its table."""
    query = rows.query
    return bool(query.where) or query.is_sliced or query.combinator is not None


def _with_status(results: TaskResultQuerySet, status: str) -> TaskResultQuerySet:
    words = {
        UNFINISHED: results.unfinished,
        FINISHED: results.finished,
        Status.READY: results.ready,
        Status.RUNNING: results.running,
        Status.SUCCESSFUL: results.successful,
        Status.FAILED: results.failed,
        Status.CANCELLED: results.cancelled,
    }
    return words[status]()


_NARROWED_BY: dict[str, Callable[[TaskResultQuerySet, Any], TaskResultQuerySet]] = {
    "ids": lambda results, ids: results.filter(pk__in=ids),
    "task_path": TaskResultQuerySet.for_task,
    "queue_name": TaskResultQuerySet.in_queue,
    "cause": lambda results, cause: results.failed().filter(cause=cause),
    "periodic_task": lambda results, pk: results.filter(periodic_task=pk),
    "parent": lambda results, pk: results.filter(parent_id=pk),
    "enqueued_from": lambda results, moment: results.since(moment),
    "enqueued_before": lambda results, moment: results.before(moment),
    "status": _with_status,
    # Last: it looks at the newest of what is left.
    "search": search,
}
