"""What can be done to one result with one click."""

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin.done import Done
from taskhub.admin.verbs import Verb
from taskhub.models import TaskResult, TaskResultQuerySet
from taskhub.operations.results.lingering import may_be_ended


def _retry(row: TaskResult, by: str) -> Done:
    if not operations.results.retry(_only(row)):
        return Done(_("It is not finished."), level=messages.WARNING)
    return Done(_("It will be tried again."), _("Asked to be tried again."))


def _cancel(row: TaskResult, by: str) -> Done:
    cancelled = operations.results.cancel(_only(row), reason=_reason(by))
    if cancelled.waiting:
        return Done(_("It was cancelled, and is never run."), _("Cancelled."))
    if cancelled.running:
        said = _("It was cancelled: its task is asked to end within two seconds.")
        return Done(said, _("Cancelled while it ran."))
    return _finished_before()


def _cancel_by_force(row: TaskResult, by: str) -> Done:
    cancelled = operations.results.cancel(_only(row), reason=_reason(by), by_force=True)
    if cancelled.waiting or cancelled.running:
        said = _("It was cancelled: the process that runs it is replaced.")
        return Done(said, _("Cancelled by force."))
    return _finished_before()


def _finished_before() -> Done:
    return Done(_("It had finished before."), level=messages.WARNING)


def _reason(by: str) -> str:
    return f"It was cancelled by {by}."


def _only(row: TaskResult) -> TaskResultQuerySet:
    return TaskResult.writing.filter(pk=row.pk)


#: In the order in which they are offered.
VERBS: dict[str, Verb[TaskResult]] = {
    verb.name: verb
    for verb in (
        Verb(
            "retry",
            gettext_lazy("Try again"),
            "retry",
            _retry,
            lambda row: row.is_finished,
        ),
        Verb(
            "cancel",
            gettext_lazy("Cancel"),
            "cancel",
            _cancel,
            lambda row: not row.is_finished,
        ),
        Verb(
            "cancel-by-force",
            gettext_lazy("Cancel by force"),
            "cancel",
            _cancel_by_force,
            may_be_ended,
        ),
    )
}
