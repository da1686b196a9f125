"""The actions on one result."""

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin.actions import Action, Outcome, Values
from taskhub.models import Status, TaskResult, TaskResultQuerySet
from taskhub.operations.results.lingering import may_be_ended


def _retry(row: TaskResult, values: Values, by: str) -> Outcome:
    if not operations.results.retry(_only(row)):
        return Outcome(_("The result is not finished."), level=messages.WARNING)
    return Outcome(_("The task will be retried."), _("Retried."))


def _cancel(row: TaskResult, values: Values, by: str) -> Outcome:
    cancelled = operations.results.cancel(_only(row), reason=_reason(by))
    if cancelled.waiting:
        return Outcome(_("Cancelled; the task will not run."), _("Cancelled."))
    if cancelled.running:
        text = _("Cancelled; the running task is told to stop within two seconds.")
        return Outcome(text, _("Cancelled while running."))
    return _already_finished()


def _mark_successful(row: TaskResult, values: Values, by: str) -> Outcome:
    return _decide(row, by, successful=True)


def _mark_failed(row: TaskResult, values: Values, by: str) -> Outcome:
    return _decide(row, by, successful=False)


def _decide(row: TaskResult, by: str, *, successful: bool) -> Outcome:
    word = "successful" if successful else "failed"
    reason = f"Marked as {word} by {by}."
    if not operations.results.decide(_only(row), successful=successful, reason=reason):
        return Outcome(_("The result is not on hold."), level=messages.WARNING)
    text = _("Marked as successful.") if successful else _("Marked as failed.")
    return Outcome(text, text)


def _cancel_by_force(row: TaskResult, values: Values, by: str) -> Outcome:
    cancelled = operations.results.cancel(_only(row), reason=_reason(by), by_force=True)
    if cancelled.waiting or cancelled.running:
        text = _("Cancelled; the process that runs the task is replaced.")
        return Outcome(text, _("Cancelled by force."))
    return _already_finished()


def _already_finished() -> Outcome:
    return Outcome(_("The result had already finished."), level=messages.WARNING)


def _reason(by: str) -> str:
    return f"It was cancelled by {by}."


def _only(row: TaskResult) -> TaskResultQuerySet:
    return TaskResult.writing.filter(pk=row.pk)


#: By name, in the order of the buttons.
ACTIONS = {
    action.name: action
    for action in (
        Action(
            "retry",
            gettext_lazy("Retry"),
            "retry",
            _retry,
            suits=lambda row: row.is_finished or row.status == Status.ON_HOLD,
        ),
        Action(
            "mark-successful",
            gettext_lazy("Mark as successful"),
            "retry",
            _mark_successful,
            suits=lambda row: row.status == Status.ON_HOLD,
        ),
        Action(
            "mark-failed",
            gettext_lazy("Mark as failed"),
            "retry",
            _mark_failed,
            suits=lambda row: row.status == Status.ON_HOLD,
        ),
        Action(
            "cancel",
            gettext_lazy("Cancel"),
            "cancel",
            _cancel,
            suits=lambda row: not row.is_finished,
        ),
        Action(
            "cancel-by-force",
            gettext_lazy("Cancel by force"),
            "cancel",
            _cancel_by_force,
            suits=may_be_ended,
        ),
    )
}
